import { useState } from "preact/hooks";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { PeoplePicker } from "../../shell/parts/PeoplePicker.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useConsole } from "../context.ts";
import { Choice } from "../parts/Choice.tsx";
import { Field } from "../parts/Field.tsx";
import type { Collection, Named, Visibility } from "../types.ts";

/** As the server limits it. */
const NAME_CHARS = 150;
const VISIBILITIES = ["public", "internal", "restricted"] as const satisfies readonly Visibility[];

/** A new collection, or another name and audience for one. */
export function CollectionDialog(props: { collection?: Collection; onClose(): void; onSaved(): void }) {
  const { t, knowledge, sites } = useConsole();
  const { collection } = props;
  const [name, setName] = useState(collection?.name ?? "");
  const [visibility, setVisibility] = useState<Visibility>(collection?.visibility ?? "public");
  const [readers, setReaders] = useState<readonly Named[]>(collection?.readers ?? []);
  const [site, setSite] = useState(collection?.site ?? sites[0]?.id ?? "");
  const { run, busy, error } = useAction(async () => {
    const fields = { name: name.trim(), visibility, readers: readers.map(({ id }) => id) };
    await (collection
      ? knowledge.changeCollection(collection.id, fields)
      : knowledge.createCollection({ ...fields, site }));
    props.onSaved();
  });
  return (
    <Dialog
      title={t(collection ? "editCollection" : "newCollection")}
      onClose={props.onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={props.onClose} disabled={busy || name.trim() === ""}>
          {t(collection ? "save" : "create")}
        </DialogActions>
      }
    >
      <Field
        first
        required
        label={t("name")}
        maxLength={NAME_CHARS}
        placeholder={t("collectionExample")}
        value={name}
        onValue={setName}
      />
      {!collection && sites.length > 1 && (
        <Choice
          label={t("site")}
          value={site}
          options={sites.map((each) => ({ value: each.id, label: each.name }))}
          onValue={(chosen) => {
            setSite(chosen);
            setReaders([]); // a reader is of the collection's site
          }}
        />
      )}
      <fieldset class="choices">
        <legend>{t("whoReads")}</legend>
        {VISIBILITIES.map((value) => (
          <label key={value} class="choice">
            <input
              type="radio"
              name="visibility"
              value={value}
              checked={visibility === value}
              onChange={() => setVisibility(value)}
            />
            <span>
              {t(value)}
              <small>{t(`${value}Hint`)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {visibility === "restricted" && (
        <PeoplePicker site={site} nobody={t("nobodyToChoose")} chosen={readers} onChosen={setReaders} />
      )}
      <Problem error={error} />
    </Dialog>
  );
}
