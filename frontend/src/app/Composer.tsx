import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { MessageId, RoomId } from "../sdk/index.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { GrowingTextarea, isComposing } from "../ui/composer.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Close, Reply, Send, Sparkle } from "../ui/icons.tsx";
import { spoken } from "../ui/spoken.ts";
import { useApp } from "./context.ts";
import { drafts } from "./drafts.ts";
import { MentionList } from "./MentionList.tsx";
import { useMentions } from "./use-mentions.ts";

const TEXT_CHARS = 16_000;
/** From here on, what is left is counted. */
const NEARLY_FULL = 500;

export function Composer(props: {
  id: RoomId;
  inputRef: RefObject<HTMLTextAreaElement | null>;
  replyTo: MessageId | null;
  onReplyTo(message: MessageId | null): void;
  onEditLast(): void;
  onSent(): void;
}) {
  const { client, t } = useApp();
  const { id, inputRef, replyTo, onReplyTo } = props;
  const policy = useClientState(client, (state) => state.rooms[id]?.meta?.policy ?? "off");
  const limit = useClientState(client, (state) => state.limits?.text_chars ?? TEXT_CHARS);
  const [text, setText] = useState(() => drafts.get(id).text);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => drafts.set(id, { text, replyTo }), [id, text, replyTo]);

  const mention = useMentions(id, text, setText, inputRef);
  const left = limit - [...text].length;
  const empty = text.trim() === "";

  function send() {
    if (empty || left < 0) return;
    try {
      client.send(id, text.trim(), { replyTo });
    } catch (problem) {
      setError(problem);
      return;
    }
    setError(null);
    setText("");
    onReplyTo(null);
    props.onSent();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (isComposing(event)) return;
    mention.onKeyDown(event);
    if (event.defaultPrevented) return;
    if (event.key === "Escape" && replyTo !== null) {
      event.preventDefault();
      onReplyTo(null);
    } else if (event.key === "ArrowUp" && text === "") {
      event.preventDefault();
      props.onEditLast();
    }
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
        inputRef.current?.focus();
      }}
    >
      <Problem error={error} />
      {replyTo !== null && <ReplyPreview id={id} of={replyTo} onClose={() => onReplyTo(null)} />}
      <div class="composer-row">
        {mention.open && <MentionList {...mention.list} />}
        {policy === "mention" && (
          <button
            type="button"
            class="cs-icon-button"
            aria-label={t("mentionAssistant")}
            title={t("mentionAssistant")}
            onClick={mention.assistant}
          >
            <Sparkle />
          </button>
        )}
        <GrowingTextarea
          inputRef={inputRef}
          label={t("writeMessage")}
          placeholder={t(policy === "always" ? "askOrWrite" : "writeMessage")}
          value={text}
          onValue={(value) => {
            setText(value);
            if (value.trim() !== "") client.typing(id);
          }}
          onSend={send}
          onKeyDown={onKeyDown}
          onCaret={mention.look}
          onBlur={mention.close}
          {...mention.aria}
        />
        <button
          type="submit"
          class="cs-icon-button send"
          aria-label={t("send")}
          title={t("send")}
          disabled={empty || left < 0}
        >
          <Send />
        </button>
      </div>
      {left < NEARLY_FULL && (
        <p class="left" data-over={left < 0 || undefined} role="status">
          {left < 0 ? t("tooLong", { count: -left }) : t("charactersLeft", { count: left })}
        </p>
      )}
    </form>
  );
}

function ReplyPreview({ id, of, onClose }: { id: RoomId; of: MessageId; onClose(): void }) {
  const { client, t } = useApp();
  const message = useClientState(client, (state) => state.rooms[id]?.messages.findLast((one) => one.id === of) ?? null);
  return (
    <div class="replying">
      <Reply />
      <p>
        <strong>{t("replyingTo", { name: message?.author.name ?? "…" })}</strong>
        <span>{message ? spoken(message.text) : t("originalMissing")}</span>
      </p>
      <button type="button" class="cs-icon-button" data-size="sm" aria-label={t("stopReplying")} onClick={onClose}>
        <Close />
      </button>
    </div>
  );
}
