/** What the page's own script tag says: `<script async src="https://host/widget.js" data-site="KEY"></script>`. */

export interface Config {
  /** The server's address, with a slash at its end: where the script came from, without its name. */
  readonly server: string;
  readonly site: string;
  /** The language the page asks for; null: that of the page, then the site's. */
  readonly locale: string | null;
  /** Address of a JSON file with texts in more languages. */
  readonly texts: string | null;
  /** Null: as the site is set up, then as the visitor's system says. */
  readonly theme: "light" | "dark" | "auto" | null;
  /** Null: as the site is set up, then at the end of the line (left in right-to-left languages). */
  readonly position: "left" | "right" | null;
  /** Open at the first visit. */
  readonly open: boolean;
}

/**
 * The script element that runs now. A script that was injected may run where `currentScript` is null (a bundler that
 * wraps it, a module): then it is the last one that looks like it.
 */
export function ownScript(page: Document): HTMLScriptElement | null {
  const current = page.currentScript;
  if (current instanceof HTMLScriptElement && current.dataset.site !== undefined) return current;
  const all = page.querySelectorAll<HTMLScriptElement>('script[data-site][src*="widget.js"]');
  return all[all.length - 1] ?? null;
}

/** Raises an `Error` for the page's developer when the tag cannot work. */
export function readConfig(script: HTMLScriptElement): Config {
  const { site, locale, texts, theme, position, open } = script.dataset;
  if (!site) throw new Error('The script tag needs the site\'s key: data-site="KEY".');
  return {
    server: new URL(".", script.src).href,
    site,
    locale: locale || null,
    texts: texts ? new URL(texts, document.baseURI).href : null,
    theme: oneOf(theme, ["light", "dark", "auto"]),
    position: oneOf(position, ["left", "right"]),
    open: open !== undefined && open !== "false",
  };
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | null {
  return allowed.find((one) => one === value) ?? null;
}
