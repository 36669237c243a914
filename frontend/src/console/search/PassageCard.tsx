import { useState } from "preact/hooks";
import { useConsole } from "../context.ts";
import { Where } from "../document/ChunkCard.tsx";
import { share } from "../format.ts";
import { Link } from "../parts/Link.tsx";
import type { Passage } from "../types.ts";
import { Score } from "./Score.tsx";

/** What is longer is shown by its beginning; the style sheet cuts it. */
const LONG_CHARS = 600;
const LONG_LINES = 7;

/** A passage that was found: where it stands, its text, and how each leg scored it. `best`: the highest BM25 beside it. */
export function PassageCard({ passage, best, within }: { passage: Passage; best: number; within?: boolean }) {
  const { t } = useConsole();
  const { title, heading, page, document, ordinal, lexical, dense, relevant } = passage;
  const long = passage.text.length > LONG_CHARS || passage.text.split("\n").length > LONG_LINES;
  const [cut, setCut] = useState(long);
  return (
    <article class="card found" data-faint={!relevant || undefined}>
      <div class="found-words">
        <header class="chunk-head">
          {!within && (
            <h2 class="found-title">
              <Link to={{ page: "document", id: document, chunk: ordinal }}>{title}</Link>
            </h2>
          )}
          {!relevant && <span class="tag">{t("belowThreshold")}</span>}
          {(heading !== "" || page !== null) && <Where heading={heading} page={page} />}
        </header>
        <p class="chunk-text" data-cut={cut || undefined}>
          {passage.text}
        </p>
        {long && (
          <button type="button" class="uncut" aria-expanded={!cut} onClick={() => setCut(!cut)}>
            {t(cut ? "showAllText" : "showLess")}
          </button>
        )}
      </div>
      <dl class="scores">
        <Score label={t("byWords")} unit="BM25" value={lexical} share={lexical === null ? 0 : share(lexical, best)} />
        <Score label={t("byMeaning")} unit={t("cosine")} value={dense} share={dense ?? 0} />
        <Score label={t("together")} value={passage.score} share={passage.score} strong />
      </dl>
    </article>
  );
}
