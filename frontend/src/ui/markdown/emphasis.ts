import { isCjk, isPunctuation, isSpace } from "./chars.ts";
import type { Sink, Tag } from "./sink.ts";

interface Opener {
  readonly mark: string;
  /** How many characters of its run opened this element. */
  readonly size: 1 | 2;
  /** Length of that run, which could also have closed something. */
  readonly length: number;
  readonly both: boolean;
  /** Elements of one run may close in any order. */
  readonly run: object;
  readonly element: Element;
}

const MAX_DEPTH = 16;

/**
 * Emphasis, strong and struck-out text by CommonMark's rules of delimiter runs, but opened at once and not when the end is
 * seen. What is never closed gets its marks back when its block or its parent ends.
 */
export class Emphasis {
  readonly #sink: Sink;
  readonly #open: Opener[] = [];
  /** Openers below belong to what is around a link. */
  #base = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Begins a link's text; returns what `end` takes to return to what is around it. */
  begin(): number {
    const before = this.#base;
    this.#base = this.#open.length;
    return before;
  }

  end(before = 0): void {
    this.#closeTo(this.#base);
    this.#base = before;
  }

  /** A run of `length` times `mark` between two characters; what marks nothing is text. */
  run(mark: string, length: number, before: string, after: string): void {
    // As in the "CJK friendly" amendment of CommonMark: beside a CJK character, punctuation does not keep a run from
    // opening or closing, and CJK punctuation counts as a letter. Else `**「重要」**的` could not be closed.
    const left =
      !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before) || isCjk(before));
    const right =
      !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after) || isCjk(after));
    let opens = left;
    let closes = right;
    if (mark === "_") {
      opens = left && (!right || isPunctuation(before));
      closes = right && (!left || isPunctuation(after));
    }
    if (mark === "~" && length !== 2) opens = closes = false;
    const both = opens && closes;
    let rest = length;
    while (closes && rest > 0) {
      const at = this.#openerFor(mark, rest, length, both);
      if (at === -1) break;
      rest -= (this.#open[at] as Opener).size;
      this.#close(at);
    }
    if (opens) this.#openAll(mark, rest, { length, both });
    else this.#sink.text(mark.repeat(rest));
  }

  #openerFor(mark: string, size: number, length: number, both: boolean): number {
    for (let at = this.#open.length - 1; at >= this.#base; at--) {
      const opener = this.#open[at] as Opener;
      if (opener.mark !== mark || opener.size > size) continue;
      // CommonMark's rule 9.
      const three = (both || opener.both) && (opener.length + length) % 3 === 0;
      if (!three || (opener.length % 3 === 0 && length % 3 === 0)) return at;
    }
    return -1;
  }

  #openAll(mark: string, length: number, run: { length: number; both: boolean }): void {
    const sizes: (1 | 2)[] = length % 2 === 1 ? [1] : [];
    for (let n = 1; n < length; n += 2) sizes.push(2);
    const fitting = sizes.slice(0, MAX_DEPTH - this.#open.length);
    const shown = fitting.reduce<number>((sum, size) => sum + size, 0);
    this.#sink.text(mark.repeat(length - shown));
    for (const size of fitting) this.#enter({ mark, size, ...run, run });
  }

  #enter(opener: Omit<Opener, "element">): void {
    const tag: Tag = opener.mark === "~" ? "del" : opener.size === 2 ? "strong" : "em";
    this.#open.push({ ...opener, element: this.#sink.enter(this.#sink.make(tag)) });
  }

  /** Closes the opener at `at`. Those within it marked nothing, but for those of its own run, which go on behind it. */
  #close(at: number): void {
    const { run } = this.#open[at] as Opener;
    const within = this.#open.slice(at + 1);
    const unmarked = within.filter((opener) => opener.run !== run);
    for (const _ of within) this.#sink.leave();
    this.#sink.leave();
    this.#open.length = at;
    for (const opener of unmarked) this.#disown(opener);
    for (const opener of within) if (opener.run === run) this.#enter(opener);
  }

  #closeTo(length: number): void {
    for (const opener of this.#open.splice(length).reverse()) {
      this.#sink.leave();
      this.#disown(opener);
    }
  }

  #disown(opener: Opener): void {
    this.#sink.disown(opener.element, opener.mark.repeat(opener.size));
  }
}
