import { useEffect, useRef } from "preact/hooks";
import { useApp } from "../context.ts";

/** As the server limits it. */
const TITLE_CHARS = 200;

/** The name of a room; it has the focus when its dialog opens. */
export function TitleField({ value, onValue }: { value: string; onValue(value: string): void }) {
  const { t } = useApp();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <label class="field">
      <span>{t("roomName")}</span>
      <input
        ref={field}
        class="cs-input"
        required
        maxLength={TITLE_CHARS}
        placeholder={t("roomNameExample")}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </label>
  );
}
