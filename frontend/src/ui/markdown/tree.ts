import type { Inline } from "./inline.ts";
import type { Sink, Tag } from "./sink.ts";
import type { Table } from "./table.ts";

export type Container =
  | { readonly kind: "quote" }
  /** `mark`: what the marks of all its items have in common. */
  | { readonly kind: "list"; readonly mark: string }
  /** `width`: columns that its lines are indented by; `bare`: it has nothing in it yet. */
  | { readonly kind: "item"; readonly width: number; bare: boolean };

export type Leaf =
  | { readonly kind: "paragraph" }
  /** `tail`: hashes and spaces that are its text only if more follows. */
  | { readonly kind: "heading"; tail: string; empty: boolean }
  | { readonly kind: "fence"; readonly mark: string; readonly length: number; readonly indent: number }
  /** `blank`: lines that belong to it only if another follows. */
  | { readonly kind: "indented"; blank: string }
  | { readonly kind: "table"; readonly table: Table };

const MAX_DEPTH = 16;

/** The blocks that are open: containers within each other, and a leaf in the innermost. */
export class Tree {
  readonly containers: Container[] = [];
  leaf: Leaf | null = null;
  readonly #sink: Sink;
  readonly #inline: Inline;

  constructor(sink: Sink, inline: Inline) {
    this.#sink = sink;
    this.#inline = inline;
  }

  get innermost(): Container | undefined {
    return this.containers.at(-1);
  }

  /** What would begin a quote or an item is text. */
  get full(): boolean {
    return this.containers.filter(({ kind }) => kind !== "list").length >= MAX_DEPTH;
  }

  /** Within what is open now. */
  openContainer(container: Container, tag: Tag, attributes: Readonly<Record<string, string>> = {}): void {
    this.fill();
    this.containers.push(container);
    this.#sink.enter(this.#sink.make(tag, attributes));
  }

  /** Without `tag`, its elements are there already. */
  openLeaf(leaf: Leaf, tag?: Tag): void {
    this.fill();
    this.leaf = leaf;
    if (tag) this.#sink.enter(this.#sink.make(tag));
  }

  /** Something comes into the innermost container. */
  fill(): void {
    const { innermost } = this;
    if (innermost?.kind === "item") innermost.bare = false;
  }

  closeLeaf(): void {
    switch (this.leaf?.kind) {
      case "paragraph":
      case "heading":
        this.#inline.end();
        this.#sink.leave();
        break;
      case "fence":
      case "indented":
        this.#sink.leave();
        break;
      case "table":
        this.leaf.table.end();
        break;
    }
    this.leaf = null;
  }

  /** Closes all but the outermost `count` containers; also a list that is the innermost then, unless an item follows. */
  closeTo(count: number, itemFollows = false): void {
    this.closeLeaf();
    while (this.containers.length > count) this.#leaveContainer();
    if (!itemFollows && this.innermost?.kind === "list") this.#leaveContainer();
  }

  #leaveContainer(): void {
    this.containers.pop();
    this.#sink.leave();
  }
}
