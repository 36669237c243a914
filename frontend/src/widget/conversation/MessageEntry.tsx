import type { Message } from "../../sdk/index.ts";
import { fullTime } from "../../ui/time.ts";
import { useVisit } from "../panel/here.ts";
import { AnswerEntry } from "./AnswerEntry.tsx";
import { useTexts } from "./texts.ts";

/** A message of the room, by who wrote it. `last`: nothing was said after it. */
export function MessageEntry({ message, last }: { message: Message; last: boolean }) {
  const t = useTexts();
  const me = useVisit((_, { user }) => user?.id);
  const { author, status, text, created, edited } = message;
  if (status === "deleted") return null;
  if (author.kind === "assistant") return <AnswerEntry message={message} last={last} />;
  if (author.kind === "system") return <p class="day">{text}</p>;
  const own = author.id === me;
  return (
    <div class={own ? "entry own" : "entry"} title={fullTime(new Date(created), t.locale)}>
      {!own && <p class="author">{author.name}</p>}
      <p class="said">{text}</p>
      {edited && <p class="note">{t("edited")}</p>}
    </div>
  );
}
