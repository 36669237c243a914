import { useLoaded } from "../../shell/parts/action.ts";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { useConsole } from "../context.ts";
import { useSettled } from "../parts/settled.ts";
import { PassageCard } from "../search/PassageCard.tsx";

const FOUND_MAX = 20;

/** What the assistant's own search finds in this document. */
export function FoundChunks({ document, query }: { document: string; query: string }) {
  const { t, knowledge } = useConsole();
  const asked = useSettled(query);
  const { value, error, loading, again } = useLoaded(asked, () =>
    knowledge.search(asked, { k: FOUND_MAX, documents: [document] }),
  );
  if (error) return <Problem error={error} onRetry={again} />;
  if (loading || !value) return <Skeleton label={t("loading")} />;
  return (
    <section aria-label={t("results")}>
      <p class="count" role="status">
        {value.passages.length > 0 ? t("passagesFound", { count: value.passages.length }) : t("notWithin")}
      </p>
      <ol class="chunks">
        {value.passages.map((passage) => (
          <li key={passage.chunk}>
            <PassageCard passage={passage} best={bestLexical(value.passages)} within />
          </li>
        ))}
      </ol>
    </section>
  );
}

function bestLexical(passages: readonly { lexical: number | null }[]): number {
  return Math.max(0, ...passages.map(({ lexical }) => lexical ?? 0));
}
