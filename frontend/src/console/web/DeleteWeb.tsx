import { useState } from "preact/hooks";
import { Confirm } from "../../shell/parts/Confirm.tsx";
import { useConsole } from "../context.ts";
import type { WebSource } from "../types.ts";

export function DeleteWeb(props: { source: WebSource; onClose(): void; onDeleted(): void }) {
  const { t, knowledge } = useConsole();
  const { id, url, documents } = props.source;
  const [all, setAll] = useState(true);
  return (
    <Confirm
      title={t("deleteWeb")}
      lead={t("deleteWebLead", { url })}
      does={t("delete")}
      act={() => knowledge.removeWebSource(id, all)}
      onClose={props.onClose}
      onDone={props.onDeleted}
    >
      {documents > 0 && (
        <label class="choice">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
          <span>
            {t("deleteWebDocuments", { count: documents })}
            <small>{t("deleteWebDocumentsHint")}</small>
          </span>
        </label>
      )}
    </Confirm>
  );
}
