import { SearchField } from "../../shell/parts/SearchField.tsx";
import { useConsole } from "../context.ts";
import { Choice } from "../parts/Choice.tsx";
import { CollectionChoice } from "../parts/CollectionChoice.tsx";
import type { DocumentFilter, DocumentStatus } from "../types.ts";

const STATUSES = ["ready", "embedding", "parsing", "queued", "failed"] as const satisfies readonly DocumentStatus[];

/** Which documents are listed. The collection is part of the page's address. */
export function Filters(props: {
  filter: DocumentFilter;
  onNarrow(narrowed: Pick<DocumentFilter, "status" | "query">): void;
}) {
  const { t, navigate } = useConsole();
  const { status, query, collection, source } = props.filter;
  const statuses = STATUSES.map((value) => ({ value, label: t(value) }));
  return (
    <search class="filters">
      <SearchField
        label={t("searchDocuments")}
        value={query}
        onValue={(value) => props.onNarrow({ status, query: value })}
      />
      <Choice
        quiet
        label={t("status")}
        value={status}
        options={[{ value: "", label: t("anyStatus") }, ...statuses]}
        onValue={(value) => props.onNarrow({ query, status: value as DocumentFilter["status"] })}
      />
      <CollectionChoice
        quiet
        label={t("collection")}
        all={t("allCollections")}
        value={collection}
        onValue={(id) => navigate({ page: "documents", collection: id, source }, { replace: true })}
      />
      {source !== "" && (
        <button
          type="button"
          class="cs-button"
          data-size="sm"
          onClick={() => navigate({ page: "documents", collection, source: "" }, { replace: true })}
        >
          {t("anySource")}
        </button>
      )}
    </search>
  );
}
