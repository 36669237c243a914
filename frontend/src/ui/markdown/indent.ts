/** The spaces and tabs before something in a line; tabs reach to the next column that is a multiple of 4. */
export class Indent {
  #text = "";
  /** The column it begins at. */
  #column = 0;

  /** For a new line. */
  reset(): void {
    this.#text = "";
    this.#column = 0;
  }

  add(c: string): void {
    this.#text += c;
  }

  get columns(): number {
    if (!this.#text.includes("\t")) return this.#text.length;
    let column = this.#column;
    for (const c of this.#text) column += c === "\t" ? 4 - (column % 4) : 1;
    return column - this.#column;
  }

  /** Takes up to `columns` from its start. A tab that is cut leaves spaces. */
  drop(columns: number): void {
    let at = 0;
    let column = this.#column;
    const end = column + columns;
    while (column < end && at < this.#text.length) column += this.#text[at++] === "\t" ? 4 - (column % 4) : 1;
    this.#text = " ".repeat(Math.max(0, column - end)) + this.#text.slice(at);
    this.#column = Math.min(column, end);
  }

  /** What is left, which is used up; then come `columns` that are no white space. */
  take(columns: number): string {
    const text = this.#text;
    this.#column += this.columns + columns;
    this.#text = "";
    return text;
  }
}
