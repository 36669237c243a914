import { useEffect, useRef } from "preact/hooks";
import { useConsole } from "../context.ts";
import type { Chunk } from "../types.ts";

/** A passage as it is given to the assistant. `marked`: the one that one came for. */
export function ChunkCard({ chunk, marked }: { chunk: Chunk; marked: boolean }) {
  const { t } = useConsole();
  const card = useRef<HTMLElement>(null);
  useEffect(() => {
    if (marked) card.current?.scrollIntoView({ block: "center" });
  }, [marked]);
  return (
    <article class="card chunk" ref={card} data-marked={marked || undefined}>
      <header class="chunk-head">
        <span class="chunk-n">{chunk.ordinal + 1}</span>
        <Where heading={chunk.heading} page={chunk.page} />
        <span class="tag" data-kind={chunk.embedded ? "ok" : undefined}>
          {t(chunk.embedded ? "embedded" : "notEmbedded")}
        </span>
      </header>
      <p class="chunk-text">{chunk.text}</p>
    </article>
  );
}

/** The headings above a passage, and its page. */
export function Where({ heading, page }: { heading: string; page: number | null }) {
  const { t } = useConsole();
  return (
    <span class="chunk-where">
      {heading && <span>{heading}</span>}
      {page !== null && <span>{t("page", { page })}</span>}
    </span>
  );
}
