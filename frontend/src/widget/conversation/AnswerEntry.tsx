import { useState } from "preact/hooks";
import type { Message, Source } from "../../sdk/index.ts";
import { SourceChips } from "../../ui/Sources.tsx";
import { fullTime } from "../../ui/time.ts";
import { useVisit } from "../panel/here.ts";
import { AnswerActions } from "./AnswerActions.tsx";
import { AnswerText } from "./AnswerText.tsx";
import { SourceCard } from "./SourceCard.tsx";
import { Dots } from "./Typing.tsx";
import { useTexts } from "./texts.ts";

/** An answer: being written, or whole with what it cites and what one can do with it. */
export function AnswerEntry({ message, last }: { message: Message; last: boolean }) {
  const t = useTexts();
  const pending = message.status === "pending";
  const stage = useVisit(({ room }) => (pending ? (room?.answers[message.id]?.stage ?? "queued") : null));
  const begun = useVisit(({ room }) => !!room?.answers[message.id]?.piece);
  const [open, setOpen] = useState<{ n: number; opener: HTMLElement | null } | null>(null);
  const sources = pending ? [] : (message.sources ?? []);
  const shown = sources.find(({ n }) => n === open?.n);
  const toggle = ({ n }: Source) => setOpen(open?.n === n ? null : { n, opener: null });
  return (
    <div class="entry answer" aria-busy={pending} title={fullTime(new Date(message.created), t.locale)}>
      <AnswerText message={message} onCite={(n, opener) => setOpen({ n, opener })} />
      {stage && !begun && (
        <p class="typing">
          <Dots />
          {t(stage)}
        </p>
      )}
      {message.status === "stopped" && <p class="note">{t("stopped")}</p>}
      {message.status === "failed" && <p class="note failed">{t("failed")}</p>}
      <SourceChips
        sources={sources}
        label={t("sources", { count: sources.length })}
        open={open?.n ?? null}
        onOpen={toggle}
      />
      {shown && <SourceCard source={shown} opener={open?.opener ?? null} onClose={() => setOpen(null)} />}
      {!pending && <AnswerActions message={message} last={last} />}
    </div>
  );
}
