import { useEffect, useRef, useState } from "preact/hooks";
import type { Message } from "../sdk/index.ts";
import { useAction } from "../shell/parts/action.ts";
import { Problem } from "../shell/parts/Problem.tsx";
import { GrowingTextarea } from "../ui/composer.tsx";
import { useApp } from "./context.ts";

/** In the message's place: its text to be changed. */
export function MessageEditor({ message, onClose }: { message: Message; onClose(): void }) {
  const { client, t } = useApp();
  const [text, setText] = useState(message.text);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  const { run, busy, error } = useAction(async () => {
    if (text.trim() !== message.text) await client.edit(message.id, text.trim());
    onClose();
  });
  const save = () => text.trim() !== "" && void run();
  return (
    <div class="editor">
      <GrowingTextarea
        inputRef={area}
        label={t("editMessage")}
        value={text}
        onValue={setText}
        onSend={save}
        maxLength={client.state.limits?.text_chars}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || event.isComposing) return;
          event.preventDefault();
          onClose();
        }}
      />
      <div class="editor-actions">
        <small>{t("editHint")}</small>
        <button type="button" class="cs-button" data-kind="plain" data-size="sm" onClick={onClose}>
          {t("cancel")}
        </button>
        <button
          type="button"
          class="cs-button"
          data-kind="primary"
          data-size="sm"
          disabled={busy || text.trim() === ""}
          onClick={save}
        >
          {t("save")}
        </button>
      </div>
      <Problem error={error} />
    </div>
  );
}
