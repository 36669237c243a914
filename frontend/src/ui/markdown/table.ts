import type { Inline } from "./inline.ts";
import type { Sink } from "./sink.ts";
import type { MarkdownTexts } from "./texts.ts";

type Alignment = "left" | "right" | "center" | null;

const MAX_COLUMNS = 64;

/** What of a table's head can be told from its two lines; null if they are none. */
export function columnsOf(head: string, delimiters: string): readonly Alignment[] | null {
  const cells = cellsOf(delimiters);
  if (cells.length !== cellsOf(head).length || cells.length > MAX_COLUMNS) return null;
  if (!delimiters.includes("|") || !cells.every((cell) => /^:?-+:?$/.test(cell))) return null;
  return cells.map((cell) => {
    if (cell.endsWith(":")) return cell.startsWith(":") ? "center" : "right";
    return cell.startsWith(":") ? "left" : null;
  });
}

function cellsOf(line: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let escaped = false;
  for (const c of line.trim().replace(/^\|/, "")) {
    if (c === "|" && !escaped) {
      cells.push(cell);
      cell = "";
    } else cell += c;
    escaped = c === "\\" && !escaped;
  }
  if (cell !== "") cells.push(cell);
  return cells.map((text) => text.trim());
}

/** A table that grows by characters. Each of its lines begins with a vertical bar, which is not given to it. */
export class Table {
  readonly #sink: Sink;
  readonly #inline: Inline;
  readonly #columns: readonly Alignment[];
  #rows = 0;
  /** The column of the cell that is open, or comes next. */
  #column = 0;
  #inCell = false;
  #escaped = false;

  constructor(sink: Sink, inline: Inline, columns: readonly Alignment[], texts: MarkdownTexts) {
    this.#sink = sink;
    this.#inline = inline;
    this.#columns = columns;
    // Wide ones scroll in a box of their own, by keyboard as well.
    const box = sink.make("div", { class: "table", tabindex: "0", role: "group", "aria-label": texts("table") });
    const table = sink.make("table");
    box.append(table);
    sink.enter(box, table);
  }

  startRow(): void {
    if (this.#rows < 2) this.#sink.enter(this.#sink.make(this.#rows === 0 ? "thead" : "tbody"));
    this.#sink.enter(this.#sink.make("tr"));
    this.#rows++;
    this.#column = 0;
  }

  char(c: string): void {
    if (this.#escaped) {
      this.#escaped = false;
      if (c !== "|") this.#text("\\");
      this.#text(c);
    } else if (c === "\\") this.#escaped = true;
    else if (c === "|") this.#endCell();
    else this.#text(c);
  }

  endRow(): void {
    if (this.#escaped) this.#text("\\");
    this.#escaped = false;
    if (this.#inCell) this.#endCell();
    this.#sink.leave();
    if (this.#rows === 1) this.#sink.leave();
  }

  /** After `endRow`. */
  end(): void {
    if (this.#rows > 1) this.#sink.leave();
    this.#sink.leave();
  }

  #text(c: string): void {
    if (this.#column >= this.#columns.length) return; // as GFM has it
    if (!this.#inCell) {
      if (c === " " || c === "\t") return;
      this.#startCell();
    }
    this.#inline.char(c);
  }

  #startCell(): void {
    const alignment = this.#columns[this.#column];
    const cell = this.#sink.make(this.#rows === 1 ? "th" : "td", alignment ? { "data-align": alignment } : {});
    this.#sink.enter(cell);
    this.#inCell = true;
  }

  #endCell(): void {
    if (this.#column < this.#columns.length) {
      if (!this.#inCell) this.#startCell();
      this.#inline.end();
      this.#sink.leave();
    }
    this.#inCell = false;
    this.#column++;
  }
}
