import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { Expand } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import type { DocumentRecord } from "../types.ts";
import { DocumentRow } from "./DocumentRow.tsx";
import { type Group, grouped } from "./list.ts";
import type { Documents } from "./use-documents.ts";

interface Handlers {
  onDelete(document: DocumentRecord): void;
  onRetried(): void;
}

export function DocumentList(props: Handlers & { documents: Documents; listRef: RefObject<HTMLElement | null> }) {
  const { t } = useConsole();
  const { documents, loadMore, more, loading } = props.documents;
  return (
    <section class="documents" ref={props.listRef} tabIndex={-1} aria-label={t("documents")}>
      <ul class="document-list">
        {grouped(documents).map((group) => (
          <GroupRows key={group.document.id} group={group} {...props} />
        ))}
      </ul>
      {more && (
        <button type="button" class="cs-button load-more" disabled={loading} onClick={loadMore}>
          {t("loadMore")}
        </button>
      )}
    </section>
  );
}

/** A document; below an archive, on demand, what was in it. */
function GroupRows({ group: { document, members }, onDelete, onRetried }: Handlers & { group: Group }) {
  const { t } = useConsole();
  const [open, setOpen] = useState(false);
  return (
    <li>
      <DocumentRow document={document} onDelete={onDelete} onRetried={onRetried} />
      {members.length > 0 && (
        <>
          <button type="button" class="members-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Expand /> {t("membersOf", { count: members.length })}
          </button>
          {open && (
            <ul class="document-list members-list">
              {members.map((member) => (
                <li key={member.id}>
                  <DocumentRow document={member} onDelete={onDelete} onRetried={onRetried} />
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </li>
  );
}
