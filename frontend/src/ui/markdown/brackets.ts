/** What stands between `[` and the end of a link, while it is not known whether it is one. */

const MAX_LENGTH = 2048;
const MAX_DEPTH = 8;
const MAX_PARENTHESES = 32;

export interface Link {
  /** Where its `[` or `![` stands in the held text, and where it is over. */
  readonly start: number;
  readonly end: number;
  readonly image: boolean;
  readonly label: string;
  /** As written, with escapes and entities. */
  readonly destination: string;
}

/** `held`: one more character that may belong to a link. */
export type Verdict = "held" | "link" | "none";

interface Bracket {
  readonly start: number;
  readonly image: boolean;
}

/**
 * Reads `[label](destination "title")` or `![…](…)` character by character, with links in brackets and images in links. It
 * works through each character a bounded number of times: what is longer or deeper than the limits is no link.
 */
export class BracketScanner {
  /** All that was read and belongs to it. */
  text = "";
  link: Link | null = null;
  /** Index in `text` of what the character is that is looked at. */
  #at = 0;
  readonly #open: Bracket[] = [];
  #previous = "";
  #escaped = false;
  /** Backticks in a row now, and those that opened a code span: within one, brackets mean nothing. */
  #ticks = 0;
  #code = 0;
  /** The label that ended just now, or whose destination is being read. */
  #closed: (Bracket & { readonly end: number }) | null = null;
  #destination: Destination | null = null;
  #beyond = false;

  /** The first characters are `[` or `![`. */
  take(c: string): Verdict {
    this.#at = this.text.length;
    const verdict = this.#at < MAX_LENGTH ? this.#next(c) : this.#exceeded();
    if (verdict !== "none") this.text += c;
    return verdict;
  }

  /** Where something begins that may hold a link, after all, now that the whole is none. */
  get rest(): number {
    return this.#closed && this.#open.length === 0 && !this.#beyond ? this.#closed.end + 1 : this.text.length;
  }

  #exceeded(): Verdict {
    this.#beyond = true;
    return "none";
  }

  #next(c: string): Verdict {
    if (this.#destination) return this.#inDestination(this.#destination, c);
    if (this.#closed) {
      if (c === "(") {
        this.#destination = new Destination();
        return "held";
      }
      if (this.#open.length === 0) return "none";
      this.#closed = null;
    }
    return this.#inLabel(c);
  }

  #inDestination(destination: Destination, c: string): Verdict {
    const closed = this.#closed as Bracket & { end: number };
    const verdict = destination.take(c);
    if (verdict === "held") return "held";
    if (verdict === "none" && this.#open.length === 0) return "none";
    this.#destination = this.#closed = null;
    if (verdict === "none") return this.#again(closed.end + 1, c);
    if (closed.image && this.#open.length > 0) return "held"; // an image in a label
    const label = this.text.slice(closed.start + (closed.image ? 2 : 1), closed.end);
    this.link = { ...closed, end: this.#at + 1, label, destination: destination.text };
    return "link";
  }

  /** What was no destination is part of the label around it. */
  #again(from: number, c: string): Verdict {
    this.#at = from;
    this.#previous = "";
    for (const d of this.text.slice(from) + c) {
      const verdict = this.#next(d);
      if (verdict !== "held") return verdict;
      this.#at += d.length;
    }
    return "held";
  }

  #inLabel(c: string): Verdict {
    const previous = this.#previous;
    this.#previous = this.#escaped ? "" : c;
    if (c === "`" && !this.#escaped) {
      this.#ticks++;
      return "held";
    }
    if (this.#ticks > 0) {
      if (this.#code === 0) this.#code = this.#ticks;
      else if (this.#code === this.#ticks) this.#code = 0;
      this.#ticks = 0;
    }
    if (this.#code > 0) return "held";
    const escaped = this.#escaped;
    this.#escaped = !escaped && c === "\\";
    if (escaped) return "held";
    if (c === "[") {
      if (this.#open.length === MAX_DEPTH) return this.#exceeded();
      const image = previous === "!";
      this.#open.push({ start: this.#at - (image ? 1 : 0), image });
    } else if (c === "]") {
      const opened = this.#open.pop();
      if (opened) this.#closed = { ...opened, end: this.#at };
    }
    return "held";
  }
}

/** What stands between the parentheses of a link. */
class Destination {
  text = "";
  #state: "before" | "pointed" | "bare" | "gap" | "title" | "after" = "before";
  #depth = 0;
  #quote = "";
  #escaped = false;

  take(c: string): Verdict {
    const escaped = this.#escaped;
    this.#escaped = !escaped && c === "\\";
    const space = c === " " || c === "\n" || c === "\t";
    switch (this.#state) {
      case "before":
        if (space) return "held";
        if (c === ")") return "link";
        this.#state = c === "<" ? "pointed" : "bare";
        return c === "<" ? "held" : this.#bare(c, false);
      case "pointed":
        if (c === "\n" || (c === "<" && !escaped)) return "none";
        if (c === ">" && !escaped) this.#state = "gap";
        else this.text += c;
        return "held";
      case "bare":
        if (!space) return this.#bare(c, escaped);
        this.#state = "gap";
        return this.#depth === 0 ? "held" : "none";
      case "gap":
        if (space) return "held";
        if (c === ")") return "link";
        this.#quote = c === "(" ? ")" : c;
        this.#state = "title";
        return c === '"' || c === "'" || c === "(" ? "held" : "none";
      case "title":
        if (c === this.#quote && !escaped) this.#state = "after";
        return c === "(" && this.#quote === ")" && !escaped ? "none" : "held";
      case "after":
        return c === ")" ? "link" : space ? "held" : "none";
    }
  }

  #bare(c: string, escaped: boolean): Verdict {
    if (!escaped && c === "(" && ++this.#depth > MAX_PARENTHESES) return "none";
    if (!escaped && c === ")" && --this.#depth < 0) return "link";
    this.text += c;
    return "held";
  }
}
