import { useState } from "preact/hooks";
import { useLoaded } from "../../shell/parts/action.ts";
import { Problem } from "../../shell/parts/Problem.tsx";
import { SearchField } from "../../shell/parts/SearchField.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { Back, External, Trash } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { DeleteDocument } from "../documents/DeleteDocument.tsx";
import { isUnfinished } from "../documents/list.ts";
import { Status } from "../documents/Status.tsx";
import { fileSize, kindOf } from "../format.ts";
import { Heading } from "../parts/Heading.tsx";
import { Link } from "../parts/Link.tsx";
import { webAddress } from "../parts/web-address.ts";
import { usePolling } from "../poll.ts";
import { DOCUMENTS } from "../route.ts";
import type { DocumentRecord } from "../types.ts";
import { Chunks } from "./Chunks.tsx";
import { FoundChunks } from "./FoundChunks.tsx";

/** One document as the assistant sees it: in passages. */
export function DocumentPage({ id, chunk }: { id: string; chunk: number | null }) {
  const { t, knowledge } = useConsole();
  const { value, error, again } = useLoaded(id, () => knowledge.document(id));
  return (
    <>
      <Link class="way-back" to={DOCUMENTS}>
        <Back /> {t("documents")}
      </Link>
      <Problem error={error} onRetry={again} />
      {value ? <Loaded loaded={value} chunk={chunk} /> : !error && <Skeleton label={t("loading")} />}
    </>
  );
}

function Loaded({ loaded, chunk }: { loaded: DocumentRecord; chunk: number | null }) {
  const { t, knowledge, navigate, reloadCollections } = useConsole();
  const [document, setDocument] = useState(loaded);
  const [query, setQuery] = useState("");
  const [deleting, setDeleting] = useState(false);
  usePolling(isUnfinished(document), document.id, async () => {
    const next = await knowledge.document(document.id);
    setDocument(next);
    return next.done !== document.done || next.status !== document.status;
  });
  const original = webAddress(document.url);
  const { label } = kindOf(document.media_type, document.origin);
  const about = [label, fileSize(document.size, t.locale), document.origin !== document.title && document.origin];
  return (
    <>
      <Heading title={document.title || document.origin} lead={about.filter(Boolean).join(" · ")}>
        {original && (
          <a class="cs-button" href={original} target="_blank" rel="noopener noreferrer">
            <External /> {t("openOriginal")}
          </a>
        )}
        <button type="button" class="cs-button" onClick={() => setDeleting(true)}>
          <Trash /> {t("delete")}
        </button>
      </Heading>
      {document.status !== "ready" && <Status document={document} />}
      <div class="filters">
        <SearchField label={t("searchWithin")} value={query} onValue={setQuery} />
      </div>
      {query.trim() ? (
        <FoundChunks document={document.id} query={query.trim()} />
      ) : (
        <Chunks key={document.status} document={document.id} from={chunk} />
      )}
      {deleting && (
        <DeleteDocument
          document={document}
          onClose={() => setDeleting(false)}
          onDeleted={() => {
            reloadCollections();
            navigate(DOCUMENTS, { replace: true });
          }}
        />
      )}
    </>
  );
}
