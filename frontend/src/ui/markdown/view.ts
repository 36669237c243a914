import { piecesSince } from "../../sdk/selectors.ts";
import type { Answer } from "../../sdk/state.ts";
import type { MarkdownOptions, MarkdownWriter } from "./writer.ts";

type Writer = typeof import("./writer.ts");

let writer: Writer | null = null;
let loading: Promise<Writer> | null = null;

const AGAIN_MS = 1000;
const TRIES = 6;

/** Loads what writes Markdown; pages that may need it soon call it ahead. A network that fails is given a minute. */
export function loadMarkdown(): Promise<Writer> {
  loading ??= attempt(1).catch((error: unknown) => {
    loading = null; // the next one tries again
    throw error;
  });
  return loading;
}

async function attempt(number: number): Promise<Writer> {
  try {
    writer = await import("./writer.ts");
    return writer;
  } catch (error) {
    if (number === TRIES) throw error;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * 2 ** (number - 1)));
    return attempt(number + 1);
  }
}

/**
 * Keeps an element at what an answer says: as it grows, then as it is stored. It writes what is new, once in a frame at
 * most, and starts anew only when what is there is not the beginning of what it should be. Until Markdown can be written, it
 * shows the text as it came.
 */
export class MarkdownView {
  readonly #root: HTMLElement;
  readonly #options: MarkdownOptions;
  #content: Answer | string = "";
  #writer: MarkdownWriter | null = null;
  /** What the writer has written: of which attempt (of a stored text: none), and whether that was all. */
  #shown = { text: "", attempt: 0, ended: false };
  #drawn = false;
  #frame = 0;
  #stopped = false;

  /** `root` is this object's alone. */
  constructor(root: HTMLElement, options: MarkdownOptions) {
    this.#root = root;
    this.#options = options;
  }

  /** An answer that grows, or a text that is stored. The first one is there at once. */
  show(content: Answer | string): void {
    if (content === this.#content && this.#drawn) return;
    this.#content = content;
    if (!this.#drawn) this.#draw();
    else if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#draw());
  }

  /** What is there stays. */
  stop(): void {
    this.#stopped = true;
    cancelAnimationFrame(this.#frame);
  }

  #draw(): void {
    this.#frame = 0;
    this.#drawn = true;
    if (!this.#writer) this.#begin();
    const content = this.#content;
    if (!this.#writer) this.#plain(typeof content === "string" ? content : content.text);
    else if (typeof content === "string") this.#finish(this.#writer, content);
    else this.#grow(this.#writer, content);
  }

  #begin(): void {
    if (writer) {
      this.#root.replaceChildren();
      this.#root.removeAttribute("data-plain");
      this.#writer = new writer.MarkdownWriter(this.#root, this.#options);
    } else if (!this.#root.hasAttribute("data-plain")) {
      this.#root.setAttribute("data-plain", "");
      loadMarkdown().then(
        () => {
          if (!this.#stopped) this.#draw();
        },
        () => {}, // plain text is what there is
      );
    }
  }

  #plain(text: string): void {
    const shown = this.#root.firstChild as Text | null;
    if (shown && text.startsWith(shown.data)) shown.appendData(text.slice(shown.length));
    else this.#root.replaceChildren(text);
  }

  #grow(into: MarkdownWriter, answer: Answer): void {
    const { text, attempt, ended } = this.#shown;
    const same = attempt === answer.attempt && !ended && !into.outdated;
    const pieces = same ? piecesSince(answer, into.length) : null;
    if (pieces) for (const piece of pieces) into.write(piece);
    else this.#write(into, answer.text, same && answer.text.startsWith(text));
    this.#shown = { text: answer.text, attempt: answer.attempt, ended: false };
  }

  #finish(into: MarkdownWriter, text: string): void {
    const { text: shown, ended } = this.#shown;
    const { outdated } = into;
    if (ended && text === shown && !outdated) return;
    this.#write(into, text, !ended && !outdated && text.startsWith(shown));
    into.end();
    this.#shown = { text, attempt: 0, ended: true };
  }

  /** `on`: what is there is the beginning of `text`. */
  #write(into: MarkdownWriter, text: string, on: boolean): void {
    if (!on && into.length > 0) into.reset();
    into.write(text.slice(into.length));
  }
}
