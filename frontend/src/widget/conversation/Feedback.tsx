import { useEffect, useRef, useState } from "preact/hooks";
import { GrowingTextarea } from "../../ui/composer.tsx";
import { useTexts } from "./texts.ts";

/** Asks for a few words on a rating, which counts without them. `onDone("")`: none were given. */
export function Feedback({ label, onDone }: { label: string; onDone(comment: string): void }) {
  const t = useTexts();
  const [text, setText] = useState("");
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => input.current?.focus(), []);
  const send = () => onDone(text.trim());
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what has the focus in it.
    <div
      class="feedback"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        onDone("");
      }}
    >
      <GrowingTextarea
        inputRef={input}
        label={label}
        placeholder={label}
        value={text}
        onValue={setText}
        onSend={send}
        maxLength={2000}
      />
      <div class="feedback-buttons">
        <button type="button" class="cs-button" data-kind="plain" data-size="sm" onClick={() => onDone("")}>
          {t("skipComment")}
        </button>
        <button
          type="button"
          class="cs-button"
          data-kind="primary"
          data-size="sm"
          disabled={!text.trim()}
          onClick={send}
        >
          {t("sendComment")}
        </button>
      </div>
    </div>
  );
}
