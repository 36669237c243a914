/** What a screen reader is told of an answer that grows: whole sentences, not tokens. Pure. */
import { spoken } from "../ui/spoken.ts";

/** The end of a sentence, a line or a list item. */
const END = /[.!?…](?=\s)|[。！？；]|\n/g;

/** How far `text` consists of whole sentences, from `from` on. */
export function sentencesEnd(text: string, from: number): number {
  END.lastIndex = from;
  let end = from;
  for (let found = END.exec(text); found; found = END.exec(text)) end = found.index + found[0].length;
  return end;
}

/** Keeps up with one answer. */
export class Reading {
  private said = 0;
  private attempt = 0;

  /** What is new and whole; with `ended`, the rest as well. */
  next(text: string, attempt: number, ended: boolean): string {
    if (attempt !== this.attempt || text.length < this.said) {
      this.attempt = attempt;
      this.said = 0;
    }
    const end = ended ? text.length : sentencesEnd(text, this.said);
    const fresh = spoken(text.slice(this.said, end));
    this.said = end;
    return fresh;
  }
}
