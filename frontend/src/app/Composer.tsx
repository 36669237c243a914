import type { RefObject } from "preact";
import { useEffect, useId, useMemo, useState } from "preact/hooks";
import type { MessageId, RoomId } from "../sdk/index.ts";
import { GrowingTextarea, isComposing } from "../ui/composer.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Close, Reply, Send, Sparkle } from "../ui/icons.tsx";
import { spoken } from "./announce.ts";
import { useApp, useMe } from "./context.ts";
import { drafts } from "./drafts.ts";
import { MentionList } from "./MentionList.tsx";
import { type Candidate, completed, matching, mentionAt } from "./mentions.ts";
import { Problem } from "./parts/Problem.tsx";

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
  useEffect(() => {
    // On a phone the keyboard would cover the room one has just opened.
    if (matchMedia("(pointer: fine)").matches) inputRef.current?.focus();
  }, [inputRef]);

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

/** Completing `@…`: a combobox whose list opens by itself. */
function useMentions(
  id: RoomId,
  text: string,
  setText: (text: string) => void,
  input: RefObject<HTMLTextAreaElement | null>,
) {
  const { client, t } = useApp();
  const me = useMe();
  const listId = useId();
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? null);
  const policy = useClientState(client, (state) => state.rooms[id]?.meta?.policy ?? "off");
  const named = useClientState(
    client,
    (state) => state.rooms[id]?.messages.findLast(({ author }) => author.kind === "assistant")?.author.name,
  );
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  /** Esc was pressed on the mention that begins there. */
  const [dismissed, setDismissed] = useState<number | null>(null);

  const candidates = useMemo<Candidate[]>(() => {
    // Under this name the server knows it in every room, however the site calls it.
    const handle = t.locale.startsWith("zh") ? "助手" : "assistant";
    const assistant: Candidate[] =
      policy === "off" ? [] : [{ id: "assistant", name: named ?? t("assistant"), handle, kind: "assistant" }];
    const others = (members ?? []).filter((member) => member.id !== me?.id && member.kind !== "assistant");
    return [...assistant, ...others.map(({ id: user, name, kind }) => ({ id: user, name, handle: name, kind }))];
  }, [members, me, policy, named, t]);

  const at = caret === null ? null : mentionAt(text, caret);
  const found = at === null || at.start === dismissed ? [] : matching(candidates, at.query);
  const open = found.length > 0;
  const chosen = Math.min(active, found.length - 1);

  function put(next: { text: string; caret: number }) {
    setText(next.text);
    setCaret(null);
    setActive(0);
    // After the text is there.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(next.caret, next.caret);
    });
  }

  const choose = (candidate: Candidate) => {
    if (at && caret !== null) put(completed(text, at.start, caret, candidate.handle));
  };

  function onKeyDown(event: KeyboardEvent) {
    if (!open) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const candidate = found[chosen];
    if (step !== undefined) setActive((chosen + step + found.length) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && candidate) choose(candidate);
    else if (event.key === "Escape") setDismissed(at?.start ?? null);
    else return;
    event.preventDefault();
  }

  return {
    open,
    look: setCaret,
    onKeyDown,
    close: () => setCaret(null),
    /** Puts the assistant before what is written. */
    assistant() {
      const [candidate] = candidates;
      if (candidate?.kind === "assistant") put(completed(text, 0, 0, candidate.handle));
    },
    list: { id: listId, candidates: found, active: chosen, onChoose: choose },
    aria: {
      "aria-autocomplete": "list",
      "aria-controls": open ? listId : undefined,
      "aria-activedescendant": open ? `${listId}-${chosen}` : undefined,
    } as const,
  };
}
