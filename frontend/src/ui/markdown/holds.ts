import { BracketScanner } from "./brackets.ts";
import { entity, isEscapable, unescaped } from "./chars.ts";
import { safeHref } from "./href.ts";
import type { Inline } from "./inline.ts";

/**
 * Characters whose meaning depends on what follows, such as a `*` or `[`. A hold takes characters until it is clear what
 * they are, and then emits them as that.
 */
export interface Hold {
  /** `held`: it needs more; `whole`: it ends with `c`; `over`: it ended before `c`. */
  take(c: string): "held" | "whole" | "over";
  /** `next`: the character that follows; empty at the end of the block, or if it is not known because the hold is whole. */
  emit(out: Inline, next: string): void;
}

/** Asterisks, underscores or tildes. */
export class RunHold implements Hold {
  #length = 1;
  readonly #mark: string;
  readonly #before: string;

  constructor(mark: string, before: string) {
    this.#mark = mark;
    this.#before = before;
  }

  take(c: string) {
    if (c !== this.#mark) return "over";
    this.#length++;
    return "held";
  }

  emit(out: Inline, next: string): void {
    out.run(this.#mark, this.#length, this.#before, next);
  }
}

/** Backticks, which open a code span. */
export class TicksHold implements Hold {
  #length = 1;

  take(c: string) {
    if (c !== "`") return "over";
    this.#length++;
    return "held";
  }

  emit(out: Inline): void {
    out.openCode(this.#length);
  }
}

export class EscapeHold implements Hold {
  #escaped: string | null = null;

  take(c: string) {
    if (!isEscapable(c) && c !== "\n") return "over";
    this.#escaped = c;
    return "whole";
  }

  emit(out: Inline): void {
    if (this.#escaped === "\n") out.lineBreak();
    else out.literal(this.#escaped ?? "\\");
  }
}

/** `&amp;` */
export class EntityHold implements Hold {
  #text = "&";

  take(c: string) {
    if (this.#text.length > 10 || !/[#\w;]/.test(c)) return "over";
    this.#text += c;
    return c === ";" ? "whole" : "held";
  }

  emit(out: Inline): void {
    const character = entity(this.#text);
    if (character !== null) out.literal(character);
    else out.unheld(this.#text);
  }
}

/** `<https://…>`, `<somebody@example.com>`, `<br>`; all else in angle brackets is text. */
export class AngleHold implements Hold {
  #text = "<";

  take(c: string) {
    const belongs =
      this.#text === "<" ? /[a-z]/i.test(c) : /[^\s<]/.test(c) || (c === " " && /^<br {0,3}$/i.test(this.#text));
    if (!belongs || this.#text.length > 2048) return "over";
    this.#text += c;
    return c === ">" ? "whole" : "held";
  }

  emit(out: Inline): void {
    const inner = this.#text.slice(1, -1);
    if (/^<br *\/?>$/i.test(this.#text)) out.lineBreak();
    else if (this.#text.endsWith(">") && /^[a-z][a-z\d+.-]+:/i.test(inner))
      out.autolink(this.#text, inner, safeHref(inner));
    else if (/^[\w.+-]+@[\w-]+(\.[\w-]+)+>$/.test(this.#text.slice(1)))
      out.autolink(this.#text, inner, safeHref(`mailto:${inner}`));
    else out.unheld(this.#text);
  }
}

/**
 * An address without brackets. Characters beyond ASCII end it: Chinese text follows addresses without a space. So do
 * brackets, since citations follow without one as well.
 */
export class AddressHold implements Hold {
  #text: string;

  constructor(first: string) {
    this.#text = first;
  }

  take(c: string) {
    const text = this.#text + c;
    const begun = /^https?:\/\//i.test(this.#text);
    if (begun ? !/[!-~]/.test(c) || '"<>[\\]^`{|}'.includes(c) || text.length > 2048 : !isStart(text)) return "over";
    this.#text = text;
    return "held";
  }

  emit(out: Inline): void {
    const address = withoutPunctuation(this.#text);
    const href = /^https?:\/\/[a-z\d]/i.test(address) ? safeHref(address) : null;
    if (href === null) return out.unheld(this.#text);
    out.autolink(address, address, href);
    out.replay(this.#text.slice(address.length));
  }
}

const isStart = (text: string) => ["http://", "https://"].some((start) => start.startsWith(text.toLowerCase()));

/** Without what ends the sentence around it, as GitHub has it: punctuation, and parentheses that were not opened. */
function withoutPunctuation(address: string): string {
  let open = 0;
  for (const c of address) open += c === "(" ? 1 : c === ")" ? -1 : 0;
  let end = address.length;
  for (; end > 0; end--) {
    const c = address.charAt(end - 1);
    if (c === ")" && open < 0) open++;
    else if (!"?!.,:;*_~'".includes(c)) break;
  }
  return address.slice(0, end);
}

/** A `!` that may begin an image. */
export class BangHold implements Hold {
  #image = false;

  take(c: string) {
    this.#image = c === "[";
    return this.#image ? "whole" : "over";
  }

  emit(out: Inline): void {
    if (this.#image) out.hold = new BracketHold("![");
    else out.literal("!");
  }
}

/** `[label](destination)`, `![alternative](destination)`, `[1]`. */
export class BracketHold implements Hold {
  readonly #scanner = new BracketScanner();

  constructor(start: "[" | "![") {
    for (const c of start) this.#scanner.take(c);
  }

  take(c: string) {
    const verdict = this.#scanner.take(c);
    return verdict === "held" ? "held" : verdict === "link" ? "whole" : "over";
  }

  emit(out: Inline): void {
    const { text, link, rest } = this.#scanner;
    if (link) {
      out.replay(text.slice(0, link.start), false);
      out.link(link.label, safeHref(unescaped(link.destination.trim())), link.image);
      out.replay(text.slice(link.end));
    } else {
      if (!out.citation(text.slice(0, rest))) out.unheld(text.slice(0, rest), false);
      out.replay(text.slice(rest));
    }
  }
}

/** `[1]` where there can be no link. */
export class CitationHold implements Hold {
  #text = "[";

  take(c: string) {
    if (!/[\d\]]/.test(c) || this.#text.length > 4) return "over";
    this.#text += c;
    return c === "]" ? "whole" : "held";
  }

  emit(out: Inline): void {
    if (!out.citation(this.#text)) out.unheld(this.#text, false);
  }
}
