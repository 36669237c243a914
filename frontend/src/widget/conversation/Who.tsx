import type { Message, User } from "../../sdk/index.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { useHere, useVisit } from "../panel/here.ts";
import type { Visit } from "../visit.ts";
import { useTexts } from "./texts.ts";

type Person = Pick<User, "id" | "name" | "kind">;

const ASSISTANT: Person = { id: "assistant", name: "", kind: "assistant" };

/** Who answers: the assistant, or the operator who took over. */
export function Who() {
  const { host } = useHere();
  const t = useTexts();
  const site = useVisit((visit) => visit.site);
  const person = useVisit(operator, (a, b) => a?.id === b?.id && a?.name === b?.name);
  const name = person ? person.name || t("someone") : (site?.assistant ?? host.site?.name ?? "");
  return (
    <>
      <Avatar user={person ?? ASSISTANT} />
      <div class="who-text">
        <h2>{name}</h2>
        <p>{person ? t("byOperator", { name }) : t("byAssistant")}</p>
      </div>
    </>
  );
}

/** Null: nobody took the conversation over. */
function operator(visit: Visit): Person | null {
  const room = visit.room;
  const owner = room?.meta?.owner;
  if (!room || !owner) return null;
  const said = (message: Message) => message.author.id === owner;
  return (
    room.members.find(({ id }) => id === owner) ??
    room.messages.findLast(said)?.author ?? { id: owner, name: "", kind: "operator" }
  );
}
