import { useEffect, useState } from "preact/hooks";
import type { Message, MessageId } from "../sdk/index.ts";
import { useAction } from "../shell/parts/action.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { SmallButton } from "../shell/parts/SmallButton.tsx";
import { copyText } from "../ui/clipboard.ts";
import { GrowingTextarea } from "../ui/composer.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Check, Copy, Reply, ThumbDown, ThumbUp, Trash } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { useRoomActions } from "./room-context.ts";

type Score = -1 | 0 | 1;

/** One's own ratings, as long as the page lives: the server keeps them, but does not give them back. */
const rated = new Map<MessageId, Score>();
const COPIED_MS = 2000;

export function AnswerActions({ message }: { message: Message }) {
  const { client, t } = useApp();
  const { room, reply, askDelete } = useRoomActions();
  const moderates = useClientState(client, (state) => (state.rooms[room]?.entry?.role ?? "member") !== "member");
  const [score, setScore] = useState<Score>(rated.get(message.id) ?? 0);
  const [commenting, setCommenting] = useState(false);
  const rating = useAction(async (next: Score) => {
    await client.rate(message.id, next);
    rated.set(message.id, next);
    setScore(next);
    setCommenting(next !== 0);
  });
  const rate = (wanted: Score) => void rating.run(score === wanted ? 0 : wanted);
  return (
    <>
      <div class="answer-actions">
        <CopyButton text={message.text} />
        <SmallButton label={t("reply")} onClick={() => reply(message)}>
          <Reply />
        </SmallButton>
        <SmallButton label={t("good")} pressed={score === 1} onClick={() => rate(1)}>
          <ThumbUp />
        </SmallButton>
        <SmallButton label={t("bad")} pressed={score === -1} onClick={() => rate(-1)}>
          <ThumbDown />
        </SmallButton>
        {moderates && (
          <SmallButton label={t("delete")} onClick={() => askDelete(message)}>
            <Trash />
          </SmallButton>
        )}
      </div>
      <Problem error={rating.error} />
      {commenting && score !== 0 && <Comment message={message.id} score={score} onClose={() => setCommenting(false)} />}
    </>
  );
}

function CopyButton({ text }: { text: string }) {
  const { t } = useApp();
  const [copied, setCopied] = useState(false);
  const { run, error } = useAction(() => copyText(text));
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const label = error ? t("copyFailed") : copied ? t("copied") : t("copy");
  return (
    <SmallButton label={label} onClick={async () => setCopied(await run())}>
      {copied ? <Check /> : <Copy />}
    </SmallButton>
  );
}

/** Why the answer was good or bad: optional, and gone once it is sent. */
function Comment({ message, score, onClose }: { message: MessageId; score: Score; onClose(): void }) {
  const { client, t } = useApp();
  const [text, setText] = useState("");
  const { run, busy, error } = useAction(async () => {
    await client.rate(message, score, text.trim());
    onClose();
  });
  const send = () => void (text.trim() === "" ? onClose() : run());
  return (
    <div class="editor">
      <p role="status" class="thanks">
        {t("ratingThanks")}
      </p>
      <GrowingTextarea
        label={t("ratingComment")}
        placeholder={t("ratingComment")}
        value={text}
        onValue={setText}
        onSend={send}
        maxLength={2000}
      />
      <div class="editor-actions">
        <button type="button" class="cs-button" data-kind="plain" data-size="sm" onClick={onClose}>
          {t("close")}
        </button>
        <button
          type="button"
          class="cs-button"
          data-kind="primary"
          data-size="sm"
          disabled={busy || text.trim() === ""}
          onClick={send}
        >
          {t("sendComment")}
        </button>
      </div>
      <Problem error={error} />
    </div>
  );
}
