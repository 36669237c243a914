import { Alert, Check } from "../../ui/icons.tsx";
import { type T, useConsole } from "../context.ts";
import type { Found } from "../types.ts";
import { PassageCard } from "./PassageCard.tsx";

/** The passages, best first, below what is to be known of how they were found. */
export function Results({ found }: { found: Found }) {
  const { t } = useConsole();
  const { passages, relevant } = found;
  const best = Math.max(0, ...passages.map(({ lexical }) => lexical ?? 0));
  const used = passages.filter((passage) => passage.relevant).length;
  return (
    <section class="results" aria-label={t("results")}>
      <div class="verdict" data-good={relevant || undefined} role="status">
        {relevant ? <Check /> : <Alert />}
        <p>
          <strong>{relevant ? t("wouldAnswer", { count: used }) : t("wouldNotAnswer")}</strong>
          <span>{howFound(found, t)}</span>
        </p>
      </div>
      <ol class="chunks">
        {passages.map((passage) => (
          <li key={passage.chunk}>
            <PassageCard passage={passage} best={best} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function howFound({ dense, embedder }: Found, t: T): string {
  switch (dense) {
    case "used":
      return t("denseUsed", { model: embedder ?? "" });
    case "off":
      return t(embedder === null ? "denseOff" : "denseNotYet");
    case "gated":
      return t("denseGated");
    case "failed":
      return t("denseFailed");
  }
}
