import { isEastAsian, isWord } from "./chars.ts";
import { Emphasis } from "./emphasis.ts";
import {
  AddressHold,
  AngleHold,
  BangHold,
  BracketHold,
  CitationHold,
  EntityHold,
  EscapeHold,
  type Hold,
  RunHold,
  TicksHold,
} from "./holds.ts";
import type { Sink } from "./sink.ts";

interface Code {
  readonly ticks: number;
  readonly element: Element;
  /** Backticks in a row now. */
  run: number;
  /** Spaces that stand for themselves only if something follows, or if there is nothing else. */
  gap: string;
  empty: boolean;
  /** One space at the start was left out, so one at the end is, too. */
  padded: boolean;
}

/** The text of one block after the other, character by character; `end` after each. */
export class Inline {
  /** What the characters since here mean is still open. */
  hold: Hold | null = null;
  readonly #sink: Sink;
  readonly #cite: (n: number) => HTMLElement | null;
  readonly #emphasis: Emphasis;
  /** Spaces or a newline: dropped at the end of a line. */
  #gap = "";
  #beforeGap = "";
  /** The character before. */
  #last = "";
  #code: Code | null = null;
  #inLink = false;
  /** Whether a bracket can begin a link here. */
  #links = true;

  /** `cite`: the element that stands for `[n]`, if that is a source. */
  constructor(sink: Sink, cite: (n: number) => HTMLElement | null) {
    this.#sink = sink;
    this.#cite = cite;
    this.#emphasis = new Emphasis(sink);
  }

  /** A newline means that text follows in the same block. */
  char(c: string): void {
    while (this.hold) {
      const verdict = this.hold.take(c);
      if (verdict === "held") return;
      this.#release(verdict === "over" ? c : "");
      if (verdict === "whole") return;
    }
    if (this.#code && this.#inCode(this.#code, c)) return;
    if (c === " " || c === "\t" || c === "\n") this.#space(c);
    else this.#visible(c);
  }

  end(): void {
    this.#settle();
    this.#emphasis.end();
    this.#last = "";
  }

  // --- for the holds ------------------------------------------------------------------------------------------------

  /** Text as it is. */
  literal(text: string): void {
    this.#closeGap(text);
    this.#sink.text(text);
    this.#last = text;
  }

  /** Characters that were held, anew. Without `links`, brackets in them are none. */
  replay(text: string, links = this.#links): void {
    const before = this.#links;
    this.#links = links;
    for (const c of text) this.char(c);
    this.#links = before;
  }

  /** The same, but that the first stands for itself. */
  unheld(text: string, links?: boolean): void {
    this.literal(text.charAt(0));
    this.replay(text.slice(1), links);
  }

  lineBreak(): void {
    this.#gap = "";
    this.#sink.append(this.#sink.make("br"));
    this.#last = "\n";
  }

  run(mark: string, length: number, before: string, after: string): void {
    this.#emphasis.run(mark, length, before, after);
    this.#last = mark;
  }

  openCode(ticks: number): void {
    const element = this.#sink.enter(this.#sink.make("code"));
    this.#code = { ticks, element, run: 0, gap: "", empty: true, padded: false };
  }

  /** Whether `text` is the number of a source in brackets, and so is put there as what cites it. */
  citation(text: string): boolean {
    const number = /^\[(\d{1,3})\]$/.exec(text)?.[1];
    const element = number && !this.#inLink ? this.#cite(Number(number)) : null;
    if (!element) return false;
    this.#sink.append(element);
    this.#last = "]";
    return true;
  }

  /** An image is a link to it: nobody's browser loads anything because an answer says so. */
  link(label: string, href: string | null, image: boolean): void {
    const around = this.#inLink;
    while (this.hold) this.#release(image ? "!" : "["); // what the text before it ends with
    this.#closeGap("[");
    const linked = href !== null && !around;
    if (linked) this.#enterLink(href);
    this.#inLink = true;
    const before = this.#emphasis.begin();
    this.#last = "";
    this.replay(label || (href ?? ""), false);
    this.#settle();
    this.#emphasis.end(before);
    this.#inLink = around;
    if (linked) this.#sink.leave();
    this.#last = image || linked ? ")" : this.#last;
  }

  autolink(source: string, text: string, href: string | null): void {
    if (href === null || this.#inLink) return this.literal(source);
    this.#enterLink(href);
    this.#sink.text(text);
    this.#sink.leave();
    this.#last = source.slice(-1);
  }

  // ------------------------------------------------------------------------------------------------------------------

  #enterLink(href: string): void {
    this.#sink.enter(this.#sink.make("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }));
  }

  #visible(c: string): void {
    this.#closeGap(c);
    this.hold = this.#begin(c);
    if (this.hold) return;
    this.#sink.text(c);
    this.#last = c;
  }

  #begin(c: string): Hold | null {
    switch (c) {
      case "*":
      case "_":
      case "~":
        return new RunHold(c, this.#last);
      case "`":
        return new TicksHold();
      case "\\":
        return new EscapeHold();
      case "&":
        return new EntityHold();
      case "<":
        return new AngleHold();
      case "[":
        return this.#inLink ? null : this.#links ? new BracketHold("[") : new CitationHold();
      case "!":
        return new BangHold();
      case "h":
      case "H":
        return this.#inLink || isWord(this.#last) ? null : new AddressHold(c);
      default:
        return null;
    }
  }

  #space(c: string): void {
    if (this.#gap === "") this.#beforeGap = this.#last;
    if (c !== "\n") this.#gap += c;
    else if (this.#gap.endsWith("  ")) this.lineBreak();
    else this.#gap = "\n";
    this.#last = c;
  }

  #closeGap(next: string): void {
    const gap = this.#gap;
    if (gap === "") return;
    this.#gap = "";
    // A line that was broken within Chinese or Japanese text had no space there.
    if (gap === "\n" && isEastAsian(this.#beforeGap) && isEastAsian(next)) return;
    this.#sink.text(gap);
  }

  /** Whether `c` was used up. */
  #inCode(code: Code, c: string): boolean {
    if (c === "`") {
      code.run++;
      return true;
    }
    if (code.run === code.ticks) {
      this.#closeCode(code);
      return false;
    }
    if (code.run > 0) {
      this.#codeText(code, "`".repeat(code.run));
      code.run = 0;
    }
    if (c === " " || c === "\n") code.gap += " ";
    else this.#codeText(code, c);
    return true;
  }

  #codeText(code: Code, text: string): void {
    if (code.empty && code.gap !== "") {
      code.padded = true;
      code.gap = code.gap.slice(1);
    }
    code.empty = false;
    this.#sink.text(code.gap + text);
    code.gap = "";
  }

  #closeCode(code: Code): void {
    this.#sink.text(code.padded ? code.gap.slice(1) : code.gap);
    this.#sink.leave();
    this.#code = null;
    this.#last = "`";
  }

  #release(next: string): void {
    const { hold } = this;
    this.hold = null;
    hold?.emit(this, next);
  }

  /** Decides whatever is open as the end of the text decides it. */
  #settle(): void {
    while (this.hold) this.#release("");
    const code = this.#code;
    if (code && code.run === code.ticks) this.#closeCode(code);
    else if (code) {
      if (code.run > 0) this.#codeText(code, "`".repeat(code.run));
      this.#sink.leave();
      this.#sink.disown(code.element, "`".repeat(code.ticks));
      this.#code = null;
    }
    this.#gap = "";
  }
}
