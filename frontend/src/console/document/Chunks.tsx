import { useEffect, useState } from "preact/hooks";
import { useAction } from "../../shell/parts/action.ts";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { useConsole } from "../context.ts";
import type { ChunkPage } from "../types.ts";
import { ChunkCard } from "./ChunkCard.tsx";

const PAGE = 50;
/** What is shown before the passage that one came for. */
const BEFORE = 2;

/** The passages in their order, page by page; `from` is the ordinal of one to begin near. */
export function Chunks({ document, from }: { document: string; from: number | null }) {
  const { t, knowledge } = useConsole();
  const [start, setStart] = useState(from === null || from <= BEFORE ? null : from - BEFORE - 1);
  const [page, setPage] = useState<ChunkPage | null>(null);
  const { run, busy, error } = useAction(async (after: number | null) => {
    const next = await knowledge.chunks(document, { after, limit: PAGE });
    setPage((held) => (held && after !== start ? { ...next, chunks: [...held.chunks, ...next.chunks] } : next));
  });
  useEffect(() => {
    void run(start);
  }, [start]);
  if (!page) {
    return error ? <Problem error={error} onRetry={() => run(start)} /> : <Skeleton label={t("loading")} />;
  }
  const last = page.chunks.at(-1);
  return (
    <section aria-label={t("chunks")}>
      <p class="count">{page.total > 0 ? t("chunksAsSeen", { count: page.total }) : t("noChunks")}</p>
      {start !== null && (
        <button type="button" class="cs-button load-more" disabled={busy} onClick={() => setStart(null)}>
          {t("fromBeginning")}
        </button>
      )}
      <ol class="chunks">
        {page.chunks.map((chunk) => (
          <li key={chunk.id}>
            <ChunkCard chunk={chunk} marked={chunk.ordinal === from} />
          </li>
        ))}
      </ol>
      <Problem error={error} onRetry={() => run(last?.ordinal ?? start)} />
      {page.more && last && (
        <button type="button" class="cs-button load-more" disabled={busy} onClick={() => run(last.ordinal)}>
          {t("loadMore")}
        </button>
      )}
    </section>
  );
}
