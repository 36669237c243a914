import type { ComponentChildren } from "preact";
import { useShell } from "../context.ts";
import { useAction } from "./action.ts";
import { Dialog } from "./Dialog.tsx";
import { Problem } from "./Problem.tsx";

/** Asks before something that cannot be taken back. The way out has the focus. */
export function Confirm(props: {
  title: string;
  lead: string;
  does: string;
  /** There is something to do first, in `children`. */
  unready?: boolean;
  act(): Promise<unknown>;
  onClose(): void;
  /** It has happened, and the dialog is gone. */
  onDone?(): void;
  children?: ComponentChildren;
}) {
  const { t } = useShell();
  const { run, busy, error } = useAction(async () => {
    await props.act();
    props.onClose();
    props.onDone?.();
  });
  return (
    <Dialog
      title={props.title}
      onClose={props.onClose}
      onSubmit={run}
      actions={
        <>
          {/* biome-ignore lint/a11y/noAutofocus: in a dialog, that is where the focus goes */}
          <button type="button" class="cs-button" autoFocus onClick={props.onClose}>
            {t("cancel")}
          </button>
          <button type="submit" class="cs-button" data-kind="danger" disabled={busy || props.unready}>
            {props.does}
          </button>
        </>
      }
    >
      <p>{props.lead}</p>
      {props.children}
      <Problem error={error} />
    </Dialog>
  );
}
