import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../context.ts";
import { percent, share } from "../format.ts";
import { Meter } from "../parts/Meter.tsx";
import { usePolling } from "../poll.ts";
import type { SearchState } from "../types.ts";
import { isUnfinished } from "./list.ts";
import type { Documents } from "./use-documents.ts";

/** How much there is, and how it is searched: asked for anew when something has come, gone or ended. */
export function SearchStatus({ documents: { documents } }: { documents: Documents }) {
  const { t, knowledge } = useConsole();
  const [state, setState] = useState<SearchState | null>(null);
  const load = () =>
    knowledge.state().then((next) => {
      setState(next);
      return true;
    });
  const settled = `${documents.length} ${documents.filter(isUnfinished).length}`;
  useEffect(() => {
    load().catch(() => {}); // the list beside it says what is wrong
  }, [settled]);
  usePolling(state !== null && state.reembedding !== null, "", load);
  if (!state) return <>{t("documentsLead")}</>;
  const { embedder, reembedding } = state;
  const progress = reembedding && share(reembedding.done, reembedding.total);
  const count = Object.values(state.documents).reduce((sum, each) => sum + each, 0);
  return (
    <>
      {count > 0
        ? `${t("documentsCount", { count })} · ${t("chunksCount", { count: state.chunks })}`
        : t("documentsLead")}{" "}
      <span class="search-state">
        {embedder ? (
          <span title={embedder}>{t("searchHybrid")}</span>
        ) : (
          <span class="warned" title={t("searchLexicalHint")}>
            {t("searchLexical")}
          </span>
        )}
        {progress !== null && (
          <span>
            {t("reembedding", { share: percent(progress, t.locale) })} <Meter value={progress} label={t("status")} />
          </span>
        )}
      </span>
    </>
  );
}
