import { Confirm } from "../../shell/parts/Confirm.tsx";
import { useConsole } from "../context.ts";
import { kindOf } from "../format.ts";
import type { DocumentRecord } from "../types.ts";

export function DeleteDocument(props: { document: DocumentRecord; onClose(): void; onDeleted(): void }) {
  const { t, knowledge } = useConsole();
  const { document } = props;
  const title = document.title || document.origin;
  const archive = kindOf(document.media_type, document.origin).label === "ZIP";
  return (
    <Confirm
      title={t("deleteDocument")}
      lead={t(archive ? "deleteArchiveLead" : "deleteLead", { title })}
      does={t("delete")}
      act={() => knowledge.remove(document.id)}
      onClose={props.onClose}
      onDone={props.onDeleted}
    />
  );
}
