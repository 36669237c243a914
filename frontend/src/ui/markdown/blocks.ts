import { enterCode } from "./code.ts";
import { Indent } from "./indent.ts";
import type { Inline } from "./inline.ts";
import type { Sink } from "./sink.ts";
import { mayStart, type Start, startOf } from "./starts.ts";
import { columnsOf, Table } from "./table.ts";
import type { MarkdownTexts } from "./texts.ts";
import { type Leaf, Tree } from "./tree.ts";

/** What the characters of a line are at the moment. */
type Phase =
  /** White space, and the marks of the containers that the line continues. */
  | "prefix"
  /** What may begin a block. */
  | "start"
  /** What may be the head of a table, and the line below it. */
  | "head"
  | "delimiters"
  /** The `[ ]` of a task. */
  | "task"
  /** What may end a fenced block. */
  | "fence-end"
  /** Text of the leaf. */
  | "content"
  /** The line has been used up. */
  | "done";

/** A line that is longer is not kept back as what may be the head of a table. */
const MAX_HEAD = 2048;

/**
 * CommonMark's blocks and GFM's tables and tasks, character by character. Each character gets into the document as soon as
 * it is clear what it belongs to: at the latest when its line is over (the head of a table: with the line below it).
 *
 * What CommonMark tells only later is different here: lines of `---` and `===` make no heading of what is above them, links
 * have their addresses with them, HTML is text, and the lines of a table begin with a vertical bar.
 */
export class Blocks {
  readonly #sink: Sink;
  readonly #inline: Inline;
  readonly #texts: MarkdownTexts;
  readonly #tree: Tree;
  /** The line before, if it is the head of a table or text, which this line decides. */
  #head: string | null = null;

  // Of this line:
  #phase: Phase = "prefix";
  readonly #indent = new Indent();
  /** How many of the containers it continues. */
  #matched = 0;
  /** The mark of a container came just before: one space after it belongs to it. */
  #padding = false;
  /** What was read in this phase, where it is kept back. */
  #held = "";
  #begun = false;

  constructor(sink: Sink, inline: Inline, texts: MarkdownTexts) {
    this.#sink = sink;
    this.#inline = inline;
    this.#texts = texts;
    this.#tree = new Tree(sink, inline);
  }

  /** Lines end with "\n". */
  char(c: string): void {
    if (c === "\n") return this.#endLine();
    this.#begun = true;
    switch (this.#phase) {
      case "prefix":
        if (c === " " || c === "\t") this.#indent.add(c);
        else this.#prefixed(c);
        return;
      case "start":
        this.#held += c;
        return this.#start(startOf(this.#held, false));
      case "head":
        this.#held += c;
        if (this.#held.length > MAX_HEAD) this.#text(this.#held);
        return;
      case "delimiters":
        this.#held += c;
        if (!"|:- \t".includes(c) || this.#held.length > MAX_HEAD) this.#noTable();
        return;
      case "task":
        return this.#task(c);
      case "fence-end":
        return this.#fenceEnd(c);
      case "content":
        return this.#content(c);
      case "done":
        return;
    }
  }

  end(): void {
    if (this.#begun) this.#endLine();
    this.#headIsText();
    this.#tree.closeTo(0);
  }

  // --- the prefix ---------------------------------------------------------------------------------------------------

  /** The first character that is not white space, in the line or after the mark of a container. */
  #prefixed(c: string): void {
    this.#dropPadding();
    const { containers } = this.#tree;
    for (; this.#matched < containers.length; this.#matched++) {
      const container = containers[this.#matched];
      if (container?.kind === "item") {
        if (this.#indent.columns < container.width) break;
        this.#indent.drop(container.width);
      } else if (container?.kind === "quote") {
        if (c !== ">" || this.#indent.columns > 3) break;
        this.#matched++;
        return this.#quoteMark();
      }
    }
    this.#begin(c);
  }

  #quoteMark(): void {
    this.#indent.take(1);
    this.#padding = true;
    this.#phase = "prefix";
  }

  #dropPadding(): void {
    if (this.#padding) this.#indent.drop(1);
    this.#padding = false;
  }

  get #allMatched(): boolean {
    return this.#matched === this.#tree.containers.length;
  }

  /** Closes what the line does not continue. */
  #closeRest(): void {
    this.#tree.closeTo(this.#matched);
    this.#matched = this.#tree.containers.length;
  }

  // --- the beginning of its content ---------------------------------------------------------------------------------

  #begin(c: string): void {
    const tree = this.#tree;
    const indented = this.#indent.columns > 3;
    if (this.#head !== null && this.#allMatched && !indented && "|:-".includes(c)) return this.#hold("delimiters", c);
    this.#headIsText();
    if (tree.leaf && tree.leaf.kind !== "paragraph") {
      if (this.#allMatched && this.#continues(tree.leaf, c, indented)) return;
      tree.closeLeaf();
    }
    if (indented) {
      if (tree.leaf) this.#text(c);
      else this.#indentedCode(c);
    } else if (c === ">" && !tree.full) {
      this.#closeRest();
      tree.openContainer({ kind: "quote" }, "blockquote");
      this.#matched++;
      this.#quoteMark();
    } else if (c === "|" && (!tree.leaf || this.#allMatched)) {
      if (!tree.leaf) this.#closeRest();
      this.#hold("head", c);
    } else if (mayStart(c)) {
      this.#hold("start", c);
      this.#start(startOf(c, false));
    } else this.#text(c);
  }

  #hold(phase: Phase, c: string): void {
    this.#phase = phase;
    this.#held = c;
  }

  /** Whether the line goes on with `leaf`. */
  #continues(leaf: Exclude<Leaf, { kind: "paragraph" }>, c: string, indented: boolean): boolean {
    switch (leaf.kind) {
      case "fence":
        if (c === leaf.mark && !indented) this.#hold("fence-end", c);
        else this.#codeLine(leaf.indent, c);
        return true;
      case "indented":
        if (!indented) return false;
        this.#sink.text(leaf.blank);
        leaf.blank = "";
        this.#codeLine(4, c);
        return true;
      case "table":
        if (c !== "|" || indented) return false;
        leaf.table.startRow();
        this.#phase = "content";
        return true;
      case "heading":
        return false;
    }
  }

  #indentedCode(c: string): void {
    this.#closeRest();
    this.#tree.openLeaf({ kind: "indented", blank: "" });
    enterCode(this.#sink, "", this.#texts);
    this.#codeLine(4, c);
  }

  /** The beginning of a line of code, of whose indentation `columns` are not its own. */
  #codeLine(columns: number, text: string): void {
    this.#indent.drop(columns);
    this.#sink.text(this.#indent.take(0) + text);
    this.#phase = "content";
  }

  #start(start: Start | "more" | null): void {
    if (start === "more") return;
    const tree = this.#tree;
    switch (start?.kind) {
      case "heading":
        this.#closeRest();
        // The page around it has the first two levels.
        tree.openLeaf({ kind: "heading", tail: "", empty: true }, `h${Math.min(start.level + 2, 6) as 3 | 4 | 5 | 6}`);
        this.#phase = "content";
        for (const c of start.rest.trimStart()) this.#content(c);
        return;
      case "rule":
        this.#closeRest();
        tree.fill();
        this.#sink.append(this.#sink.make("hr"));
        this.#phase = "done";
        return;
      case "fence":
        this.#closeRest();
        tree.openLeaf({ kind: "fence", mark: start.mark, length: start.length, indent: this.#indent.columns });
        enterCode(this.#sink, start.info.split(/\s/, 1)[0] ?? "", this.#texts);
        this.#phase = "done";
        return;
      case "item": {
        // Within a paragraph, a year at the start of a line begins no list, and a lone hyphen is none.
        const interrupts = tree.leaf !== null && this.#allMatched;
        if (tree.full || (interrupts && (start.rest.trim() === "" || (start.number ?? 1) !== 1))) break;
        return this.#item(start);
      }
    }
    this.#text(this.#held);
  }

  #item(start: Extract<Start, { kind: "item" }>): void {
    const tree = this.#tree;
    const list = tree.containers[this.#matched - 1];
    const another = list?.kind === "list" && list.mark === start.mark;
    tree.closeTo(this.#matched, another);
    if (!another) {
      const first = start.number === null || start.number === 1 ? {} : { start: String(start.number) };
      tree.openContainer({ kind: "list", mark: start.mark }, start.number === null ? "ul" : "ol", first);
    }
    const outer = this.#indent.columns;
    this.#indent.take(start.width);
    const content = start.rest.trimStart();
    for (const c of start.rest.slice(0, start.rest.length - content.length)) this.#indent.add(c);
    // From five spaces on, all but one belong to the code that the item begins with.
    const padding = content === "" || this.#indent.columns > 4 ? 1 : this.#indent.columns;
    this.#indent.drop(padding);
    tree.openContainer({ kind: "item", width: outer + start.width + padding, bare: true }, "li");
    this.#matched = tree.containers.length;
    this.#phase = "prefix";
    for (const c of content) this.char(c);
  }

  /** A line, or what there is of it, that begins nothing: it goes on with the paragraph, or begins one. */
  #text(text: string): void {
    this.#indent.take(0);
    this.#phase = "content";
    if (this.#tree.leaf) this.#inline.char("\n");
    else {
      this.#closeRest();
      const { innermost } = this.#tree;
      if (text === "[" && innermost?.kind === "item" && innermost.bare) this.#hold("task", "");
      this.#tree.openLeaf({ kind: "paragraph" }, "p");
    }
    for (const c of text) this.char(c);
  }

  // --- the rest of it -----------------------------------------------------------------------------------------------

  #task(c: string): void {
    this.#held += c;
    if (/^\[([ xX]\]?)?$/.test(this.#held)) return;
    this.#phase = "content";
    const [, done] = /^\[([ xX])\][ \t]$/.exec(this.#held) ?? [];
    if (!done) return this.#toInline(this.#held);
    const name = this.#texts(done === " " ? "undone" : "done");
    const checked: Record<string, string> = done === " " ? {} : { checked: "" };
    this.#sink.append(this.#sink.make("input", { type: "checkbox", disabled: "", "aria-label": name, ...checked }));
  }

  #fenceEnd(c: string): void {
    const leaf = this.#tree.leaf as Extract<Leaf, { kind: "fence" }>;
    const spaced = /[ \t]$/.test(this.#held);
    this.#held += c;
    const ends = c === " " || c === "\t" || (c === leaf.mark && !spaced);
    if (!ends) this.#codeLine(leaf.indent, this.#held);
  }

  #content(c: string): void {
    const { leaf } = this.#tree;
    switch (leaf?.kind) {
      case "paragraph":
        return this.#inline.char(c);
      case "heading":
        if (c === " " || c === "\t" || c === "#") leaf.tail += c;
        else {
          this.#toInline(leaf.tail + c);
          leaf.tail = "";
          leaf.empty = false;
        }
        return;
      case "table":
        return leaf.table.char(c);
      default:
        this.#sink.text(c);
    }
  }

  #toInline(text: string): void {
    for (const c of text) this.#inline.char(c);
  }

  // --- its end ------------------------------------------------------------------------------------------------------

  #endLine(): void {
    if (this.#phase === "prefix") this.#blank();
    // Each of these can turn out to be one of the next.
    if (this.#phase === "delimiters") this.#endDelimiters();
    while (this.#phase === "start") this.#start(startOf(this.#held, true));
    if (this.#phase === "head") this.#head = this.#held;
    if (this.#phase === "task") this.#toInline(this.#held);
    if (this.#phase === "fence-end") this.#endFence();
    if (this.#phase === "content") this.#endContent();
    this.#phase = "prefix";
    this.#indent.reset();
    this.#matched = 0;
    this.#padding = this.#begun = false;
  }

  #blank(): void {
    const tree = this.#tree;
    this.#headIsText();
    this.#dropPadding();
    for (; this.#matched < tree.containers.length; this.#matched++) {
      const container = tree.containers[this.#matched];
      // An item whose first line is empty has its content in the second, or none.
      if (container?.kind === "quote" || (container?.kind === "item" && container.bare)) {
        return tree.closeTo(this.#matched, true);
      }
      if (container?.kind === "item") this.#indent.drop(container.width);
    }
    const { leaf } = tree;
    if (leaf?.kind === "fence") {
      this.#codeLine(leaf.indent, "\n");
      this.#phase = "done";
    } else if (leaf?.kind === "indented") {
      this.#indent.drop(4);
      leaf.blank += `${this.#indent.take(0)}\n`;
    } else tree.closeLeaf();
  }

  #endDelimiters(): void {
    const head = this.#head ?? "";
    const columns = columnsOf(head, this.#held);
    if (!columns) return this.#noTable();
    this.#head = null;
    this.#tree.closeLeaf();
    const table = new Table(this.#sink, this.#inline, columns, this.#texts);
    table.startRow();
    for (const c of head.slice(1)) table.char(c);
    table.endRow();
    this.#tree.openLeaf({ kind: "table", table });
    this.#phase = "done";
  }

  /** The line begins something else, or is text. */
  #noTable(): void {
    this.#headIsText();
    this.#phase = "prefix";
    for (const c of this.#held) this.char(c);
  }

  #headIsText(): void {
    if (this.#head === null) return;
    if (this.#tree.leaf) this.#inline.char("\n");
    else this.#tree.openLeaf({ kind: "paragraph" }, "p");
    this.#toInline(this.#head);
    this.#head = null;
  }

  #endFence(): void {
    const leaf = this.#tree.leaf as Extract<Leaf, { kind: "fence" }>;
    if (this.#held.trimEnd().length >= leaf.length) this.#tree.closeLeaf();
    else this.#codeLine(leaf.indent, this.#held);
  }

  #endContent(): void {
    const { leaf } = this.#tree;
    switch (leaf?.kind) {
      case "heading":
        this.#toInline(withoutHashes(leaf.tail, leaf.empty));
        return this.#tree.closeLeaf();
      case "table":
        return leaf.table.endRow();
      case "fence":
      case "indented":
        this.#sink.text("\n");
    }
  }
}

/** The end of a heading without the hashes that only close it; they follow a space, or there is nothing else. */
function withoutHashes(tail: string, empty: boolean): string {
  const text = tail.trimEnd();
  let end = text.length;
  while (text.charAt(end - 1) === "#") end--;
  return end === 0 ? (empty ? "" : text) : /[ \t]/.test(text.charAt(end - 1)) ? text.slice(0, end) : text;
}
