import type { ComponentChildren } from "preact";
import { useShell } from "../context.ts";

/** The way out of a dialog, and what it is for. */
export function DialogActions(props: { onCancel(): void; disabled: boolean; children: ComponentChildren }) {
  const { t } = useShell();
  return (
    <>
      <button type="button" class="cs-button" data-kind="plain" onClick={props.onCancel}>
        {t("cancel")}
      </button>
      <button type="submit" class="cs-button" data-kind="primary" disabled={props.disabled}>
        {props.children}
      </button>
    </>
  );
}
