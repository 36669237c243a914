import { Blocks } from "./blocks.ts";
import { Inline } from "./inline.ts";
import { Sink } from "./sink.ts";
import type { MarkdownTexts } from "./texts.ts";

export interface MarkdownOptions {
  readonly texts: MarkdownTexts;
  /** The numbers that are sources; others in brackets are text. */
  readonly citations?: ReadonlySet<number> | (() => ReadonlySet<number>);
  readonly onCitation?: (n: number, button: HTMLElement) => void;
}

/**
 * Writes Markdown into an element while it arrives, and only ever appends: what was selected stays selected. What is there
 * after some text is the same however the text was cut, and a write costs what its text is long.
 *
 * Nothing in the text can make the page load, run or style anything: the elements are those of `sink.ts`, links go to
 * http, https and mailto, images become links, and HTML stays text.
 */
export class MarkdownWriter {
  readonly #root: HTMLElement;
  readonly #options: MarkdownOptions;
  #sink!: Sink;
  #blocks!: Blocks;
  #length = 0;
  /** The first half of a character, if a write ended with it. */
  #half = "";
  #afterReturn = false;
  /** Numbers in brackets that were no sources when they came. */
  readonly #unknown = new Set<number>();

  /** `root` is empty. */
  constructor(root: HTMLElement, options: MarkdownOptions) {
    this.#root = root;
    this.#options = options;
    this.#begin();
  }

  /** UTF-16 units written since the beginning. */
  get length(): number {
    return this.#length;
  }

  /** Something stands there as text that has become a source since: it would be written differently now. */
  get outdated(): boolean {
    return [...this.#unknown].some((n) => this.#isSource(n));
  }

  write(text: string): void {
    this.#length += text.length;
    const whole = this.#half + text;
    const half = /[\ud800-\udbff]$/.test(whole);
    this.#half = half ? whole.slice(-1) : "";
    for (const c of half ? whole.slice(0, -1) : whole) this.#char(c);
    this.#sink.flush();
  }

  /** The text is complete: what was open is closed. */
  end(): void {
    if (this.#half) this.#char(this.#half);
    this.#half = "";
    this.#blocks.end();
    this.#sink.flush();
  }

  /** Begins anew with an empty element. */
  reset(): void {
    this.#root.replaceChildren();
    this.#length = 0;
    this.#half = "";
    this.#afterReturn = false;
    this.#unknown.clear();
    this.#begin();
  }

  #begin(): void {
    this.#root.dir = "auto";
    this.#sink = new Sink(this.#root);
    const inline = new Inline(this.#sink, (n) => this.#citation(n));
    this.#blocks = new Blocks(this.#sink, inline, this.#options.texts);
  }

  #char(c: string): void {
    // A carriage return ends a line, with or without a newline after it.
    if (c !== "\n" || !this.#afterReturn) this.#blocks.char(c === "\r" ? "\n" : c);
    this.#afterReturn = c === "\r";
  }

  #citation(n: number): HTMLElement | null {
    const { onCitation, texts } = this.#options;
    if (!this.#isSource(n)) {
      this.#unknown.add(n);
      return null;
    }
    const name = texts("source", { n });
    const button = this.#sink.make("button", {
      type: "button",
      class: "citation",
      "data-n": String(n),
      "aria-label": name,
    });
    button.textContent = String(n);
    button.addEventListener("click", () => onCitation?.(n, button));
    return button;
  }

  #isSource(n: number): boolean {
    const { citations } = this.#options;
    return (typeof citations === "function" ? citations() : citations)?.has(n) ?? false;
  }
}

/** Shows a whole text in place of what is in `root`. */
export function renderMarkdown(root: HTMLElement, text: string, options: MarkdownOptions): void {
  root.replaceChildren();
  const writer = new MarkdownWriter(root, options);
  writer.write(text);
  writer.end();
}
