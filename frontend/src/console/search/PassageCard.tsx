import { useConsole } from "../context.ts";
import { Where } from "../document/ChunkCard.tsx";
import { share } from "../format.ts";
import { Link } from "../parts/Link.tsx";
import type { Passage } from "../types.ts";
import { Score } from "./Score.tsx";

/** A passage that was found: where it stands, its text, and how each leg scored it. `best`: the highest BM25 beside it. */
export function PassageCard({ passage, best, within }: { passage: Passage; best: number; within?: boolean }) {
  const { t } = useConsole();
  const { title, heading, page, document, ordinal, lexical, dense, relevant } = passage;
  return (
    <article class="card found" data-faint={!relevant || undefined}>
      <div class="found-words">
        <header class="chunk-head">
          {!within && (
            <h2 class="found-title">
              <Link to={{ page: "document", id: document, chunk: ordinal }}>{title}</Link>
            </h2>
          )}
          <Where heading={heading} page={page} />
          {!relevant && <span class="tag">{t("belowThreshold")}</span>}
        </header>
        <p class="chunk-text">{passage.text}</p>
      </div>
      <dl class="scores">
        <Score label={t("byWords")} unit="BM25" value={lexical} share={lexical === null ? 0 : share(lexical, best)} />
        <Score label={t("byMeaning")} unit={t("cosine")} value={dense} share={dense ?? 0} />
        <Score label={t("together")} value={passage.score} share={passage.score} strong />
      </dl>
    </article>
  );
}
