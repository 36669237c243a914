import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { Close } from "../../ui/icons.tsx";
import { useShell } from "../context.ts";

/** A modal dialog; the browser keeps the focus inside, and gives it back when it closes. */
export function Dialog(props: {
  title: string;
  /** For long texts. */
  wide?: boolean;
  onClose(): void;
  /** Enter in a field, or the primary button. */
  onSubmit?(): void;
  actions: ComponentChildren;
  children: ComponentChildren;
}) {
  const { t } = useShell();
  const ref = useRef<HTMLDialogElement>(null);
  const title = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      class="dialog"
      data-wide={props.wide || undefined}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault(); // closing is the owner's: it takes the dialog out of the page
        props.onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === ref.current) props.onClose(); // the backdrop
      }}
    >
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          props.onSubmit?.();
        }}
      >
        <header class="dialog-head">
          <h2 id={title}>{props.title}</h2>
          <button type="button" class="cs-icon-button" aria-label={t("close")} onClick={props.onClose}>
            <Close />
          </button>
        </header>
        <div class="dialog-content">{props.children}</div>
        <footer class="dialog-actions">{props.actions}</footer>
      </form>
    </dialog>
  );
}
