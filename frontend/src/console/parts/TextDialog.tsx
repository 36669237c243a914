import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useConsole } from "../context.ts";
import type { Text } from "../knowledge.ts";
import { CollectionChoice, useTarget } from "./CollectionChoice.tsx";
import { Field } from "./Field.tsx";
import { Preview } from "./Preview.tsx";

/** As the server limits it. */
const TITLE_CHARS = 500;

/** A text to write, with its title: what becomes a document. */
export function TextDialog(props: {
  heading: string;
  does: string;
  /** What the title is before one changes it. */
  title?: string;
  collection?: string;
  /** Only its collections can be chosen. */
  site?: string;
  children?: ComponentChildren;
  save(text: Text): Promise<unknown>;
  onClose(): void;
}) {
  const { t } = useConsole();
  const [title, setTitle] = useState(props.title ?? "");
  const [text, setText] = useState("");
  const [preview, setPreview] = useState(false);
  const [chosen, setChosen] = useState(props.collection ?? "");
  const collection = useTarget(chosen, props.site);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (props.title) area.current?.focus(); // the title is there: what is missing is the text
  }, []);
  const { run, busy, error } = useAction(() => props.save({ title: title.trim(), text, collection }));
  return (
    <Dialog
      wide
      title={props.heading}
      onClose={props.onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={props.onClose} disabled={busy || title.trim() === "" || text.trim() === ""}>
          {props.does}
        </DialogActions>
      }
    >
      {props.children}
      <Field
        first={!props.title}
        required
        label={t("textTitle")}
        maxLength={TITLE_CHARS}
        value={title}
        onValue={setTitle}
      />
      <div class="field">
        <div class="field-row">
          <label class="field-label" for="text">
            {t("text")}
          </label>
          <button
            type="button"
            class="cs-button"
            data-size="sm"
            data-kind="plain"
            aria-pressed={preview}
            onClick={() => setPreview(!preview)}
          >
            {t("preview")}
          </button>
        </div>
        {preview ? (
          <Preview text={text} />
        ) : (
          <textarea
            id="text"
            ref={area}
            class="cs-input text-area"
            rows={10}
            placeholder={t("textExample")}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
      </div>
      <CollectionChoice label={t("collection")} site={props.site} value={collection} onValue={setChosen} />
      <Problem error={error} />
    </Dialog>
  );
}
