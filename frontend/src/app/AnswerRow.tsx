import type { Answer, Message, Source } from "../sdk/index.ts";
import { useAction } from "../shell/parts/action.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { Avatar } from "../ui/Avatar.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Retry, Stop } from "../ui/icons.tsx";
import { SourceChips } from "../ui/Sources.tsx";
import { AnswerActions } from "./AnswerActions.tsx";
import { AnswerText } from "./AnswerText.tsx";
import { useApp } from "./context.ts";
import { SentAt } from "./MessageRow.tsx";
import { Quote } from "./Quote.tsx";
import { useRoomActions } from "./room-context.ts";

const NO_SOURCES: readonly Source[] = [];
const STAGES = { queued: "queued", searching: "searching", writing: "writing" } as const;

/** An answer of the assistant, also while it is being written. */
export function AnswerRow({ message, openSource }: { message: Message; openSource: number | null }) {
  const { client, t } = useApp();
  const { room, openSource: show } = useRoomActions();
  const live = useClientState<Answer | null>(client, (state) => state.rooms[room]?.answers[message.id] ?? null);
  const pending = message.status === "pending";
  const sources = (pending ? live?.sources : message.sources) ?? NO_SOURCES;
  if (message.status === "deleted") {
    return (
      <article class="message" aria-label={message.author.name}>
        <Avatar user={message.author} />
        <div class="message-body">
          <p class="message-deleted">{t("deleted")}</p>
        </div>
      </article>
    );
  }
  return (
    <article class="message answer" data-status={message.status} aria-label={message.author.name} aria-busy={pending}>
      <Avatar user={message.author} />
      <div class="message-body">
        <header class="message-head">
          <strong>{message.author.name}</strong>
          <SentAt created={message.created} />
        </header>
        {message.reply_to && <Quote of={message.reply_to} asked />}
        <AnswerText message={message} live={live} sources={sources} onSource={(source) => show(message, source)} />
        {pending && <Working stage={live?.stage ?? "queued"} message={message} />}
        {!pending && (
          <SourceChips
            sources={sources}
            label={t("sourcesUsed", { count: sources.length })}
            open={openSource}
            onOpen={(source) => show(message, source)}
          />
        )}
        {(message.status === "stopped" || message.status === "failed") && <Ended message={message} />}
        {!pending && <AnswerActions message={message} />}
      </div>
    </article>
  );
}

/** What the assistant is doing, and the way to end it. */
function Working({ stage, message }: { stage: keyof typeof STAGES; message: Message }) {
  const { client, t } = useApp();
  const { room } = useRoomActions();
  const { run, busy, error } = useAction(() => client.stopAnswer(room, { message: message.id }));
  return (
    <>
      <p class="working">
        <span class="dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
        <span>{t(STAGES[stage])}</span>
        <button
          type="button"
          class="cs-button"
          data-size="sm"
          disabled={busy}
          aria-label={t("stopAnswer")}
          onClick={() => void run()}
        >
          <Stop /> {t("stop")}
        </button>
      </p>
      <Problem error={error} />
    </>
  );
}

function Ended({ message }: { message: Message }) {
  const { client, t } = useApp();
  const { run, busy, error } = useAction(() => client.retryAnswer(message.id, message.attempt ?? 1));
  return (
    <>
      <p class="ended" data-status={message.status}>
        <span>{t(message.status === "failed" ? "failed" : "stopped")}</span>
        <button type="button" class="cs-button" data-size="sm" disabled={busy} onClick={() => void run()}>
          <Retry /> {t("answerAgain")}
        </button>
      </p>
      <Problem error={error} />
    </>
  );
}
