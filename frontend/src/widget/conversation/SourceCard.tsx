import { useLayoutEffect, useRef } from "preact/hooks";
import type { Source } from "../../sdk/index.ts";
import { Close, External } from "../../ui/icons.tsx";
import { safeHref } from "../../ui/markdown/href.ts";
import { useTexts } from "./texts.ts";

/**
 * The passage behind a number: its words, where they stand, and a way to the document. `opener`: what opened it from far away
 * and gets the focus back.
 */
export function SourceCard(props: { source: Source; opener: HTMLElement | null; onClose(): void }) {
  const t = useTexts();
  const card = useRef<HTMLElement>(null);
  const { opener, onClose } = props;
  const { n, title, where, quote, url } = props.source;
  const href = url ? safeHref(url) : null;

  useLayoutEffect(() => {
    card.current?.scrollIntoView({ block: "nearest" });
    if (opener) card.current?.focus({ preventScroll: true });
  }, [n, opener]);

  function close() {
    const chip = card.current?.parentElement?.querySelector<HTMLElement>('.cs-chip[aria-expanded="true"]');
    onClose();
    (opener ?? chip)?.focus();
  }

  return (
    <article
      ref={card}
      class="source"
      aria-label={title}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close();
      }}
    >
      <header>
        <span class="cs-chip-n">{n}</span>
        <div class="source-title">
          <h3>{title}</h3>
          {where && <p>{where}</p>}
        </div>
        <button
          type="button"
          class="cs-icon-button"
          data-size="sm"
          aria-label={t("closeSource", { n })}
          title={t("closeSource", { n })}
          onClick={close}
        >
          <Close />
        </button>
      </header>
      {quote && <blockquote>{quote}</blockquote>}
      {href && (
        <a href={href} target="_blank" rel="noopener noreferrer">
          {t("openSource")}
          <External />
        </a>
      )}
    </article>
  );
}
