import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";
import type { Message, User } from "../../sdk/index.ts";
import { Avatar } from "../../ui/Avatar.tsx";
import { Back, Clock, Close, Plus } from "../../ui/icons.tsx";
import type { Visit } from "../visit.ts";
import { useHere, useVisit } from "./here.ts";

const ASSISTANT: Pick<User, "id" | "name" | "kind"> = { id: "assistant", name: "", kind: "assistant" };

/** The operator who answers in place of the assistant; null: the assistant does. */
export function operator(visit: Visit): Pick<User, "id" | "name" | "kind"> | null {
  const room = visit.room;
  const owner = room?.meta?.owner;
  if (!room || !owner) return null;
  const said = (message: Message) => message.author.id === owner;
  return (
    room.members.find(({ id }) => id === owner) ??
    room.messages.findLast(said)?.author ?? { id: owner, name: "", kind: "operator" }
  );
}

export function Header(props: {
  list: boolean;
  onList(list: boolean): void;
  back: RefObject<HTMLButtonElement | null>;
}) {
  const { host, visit, t, say, conversation } = useHere();
  const { list, onList, back } = props;
  const site = useVisit((visit) => visit.site);
  const person = useVisit(operator, (a, b) => a?.id === b?.id && a?.name === b?.name);
  const fresh = useVisit((visit) => (visit.room?.messages.length ?? 0) === 0);
  const elsewhere = useVisit((visit, { rooms }) =>
    Object.values(rooms).some(({ id, entry }) => id !== visit.roomId && (entry?.unread ?? 0) > 0),
  );
  useEffect(() => {
    if (list) back.current?.focus();
  }, [list]);

  async function begin() {
    onList(false);
    await visit.begin().catch((error: Error) => say(t("tooMuch", { reason: error.message })));
  }

  return (
    <div class="header" data-list={list}>
      <button
        ref={back}
        type="button"
        class="cs-icon-button"
        aria-label={t(list ? "back" : "history")}
        title={t(list ? "back" : "history")}
        disabled={!conversation}
        onClick={() => onList(!list)}
      >
        {list ? <Back /> : <Clock />}
        {elsewhere && !list && <span class="dot" />}
      </button>
      <div class="who">
        {list ? (
          <h2>{t("history")}</h2>
        ) : (
          <>
            <Avatar user={person ?? ASSISTANT} />
            <div class="who-text">
              <h2>{person?.name || (person ? t("someone") : (site?.assistant ?? host.site?.name ?? ""))}</h2>
              <p>{person ? t("byOperator", { name: person.name || t("someone") }) : t("byAssistant")}</p>
            </div>
          </>
        )}
      </div>
      <button
        type="button"
        class="cs-icon-button"
        aria-label={t("fresh")}
        title={t("fresh")}
        disabled={!site || (fresh && !list)}
        onClick={begin}
      >
        <Plus />
      </button>
      <button
        type="button"
        class="cs-icon-button"
        aria-label={t("close")}
        title={t("close")}
        onClick={() => host.close()}
      >
        <Close />
      </button>
    </div>
  );
}
