import { useState } from "preact/hooks";
import { useAction } from "../../shell/parts/action.ts";
import { Dialog } from "../../shell/parts/Dialog.tsx";
import { DialogActions } from "../../shell/parts/DialogActions.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { useConsole } from "../context.ts";
import { Choice } from "../parts/Choice.tsx";
import { CollectionChoice, useTarget } from "../parts/CollectionChoice.tsx";
import { Field } from "../parts/Field.tsx";
import { webAddress } from "../parts/web-address.ts";
import type { WebSource } from "../types.ts";
import { looksLikeSitemap, SCHEDULES } from "./schedules.ts";

const KINDS = ["page", "sitemap"] as const satisfies readonly WebSource["kind"][];
/** As the server limits them. */
const URL_CHARS = 2000;
const PAGES_MAX = 500;

/** A page, or all that a sitemap lists. */
export function AddWeb(props: { collection?: string; onClose(): void; onAdded(): void }) {
  const { t, knowledge } = useConsole();
  const [url, setUrl] = useState("");
  const [chosenKind, setKind] = useState<WebSource["kind"] | null>(null);
  const [hours, setHours] = useState("0");
  const [chosen, setChosen] = useState(props.collection ?? "");
  const collection = useTarget(chosen);
  const kind = chosenKind ?? (looksLikeSitemap(url) ? "sitemap" : "page");
  const { run, busy, error } = useAction(async () => {
    const fields = { url: url.trim(), kind, every_hours: Number(hours), page_limit: PAGES_MAX, collection };
    await knowledge.addWebSource(fields);
    props.onClose();
    props.onAdded();
  });
  return (
    <Dialog
      title={t("addWeb")}
      onClose={props.onClose}
      onSubmit={run}
      actions={
        <DialogActions onCancel={props.onClose} disabled={busy || webAddress(url.trim()) === null}>
          {t("add")}
        </DialogActions>
      }
    >
      <Field
        first
        required
        inputMode="url"
        label={t("address")}
        maxLength={URL_CHARS}
        placeholder="https://example.com/help"
        value={url}
        onValue={setUrl}
      />
      <fieldset class="choices">
        <legend>{t("whatToFetch")}</legend>
        {KINDS.map((value) => (
          <label key={value} class="choice">
            <input type="radio" name="kind" value={value} checked={kind === value} onChange={() => setKind(value)} />
            <span>
              {t(value === "page" ? "singlePage" : "sitemap")}
              <small>{t(`${value}Hint`)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <Choice
        label={t("howOften")}
        value={hours}
        options={SCHEDULES.map(([value, word]) => ({ value: String(value), label: t(word) }))}
        onValue={setHours}
      />
      <CollectionChoice label={t("collection")} value={collection} onValue={setChosen} />
      <Problem error={error} />
    </Dialog>
  );
}
