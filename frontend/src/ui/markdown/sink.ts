/**
 * The only place that puts anything into the document: elements by name from the list below, text as text. Nothing that is
 * there is replaced or moved, so that a selection in it survives.
 */
export type Tag =
  | "a" | "blockquote" | "br" | "button" | "code" | "del" | "div" | "em" | "h3" | "h4" | "h5" | "h6" | "hr" | "input"
  | "li" | "ol" | "p" | "pre" | "span" | "strong" | "table" | "tbody" | "td" | "th" | "thead" | "tr" | "ul"; // biome-ignore format: a list

export class Sink {
  readonly #path: Element[];
  /** Text for the end of the innermost element, not yet in the document. */
  #text = "";
  /** The text node at the end of the innermost element, if there is one. */
  #tail: Text | null = null;

  constructor(root: Element) {
    this.#path = [root];
  }

  get #top(): Element {
    return this.#path[this.#path.length - 1] as Element;
  }

  /** A new element, not yet in the document. */
  make(tag: Tag, attributes: Readonly<Record<string, string>> = {}): HTMLElement {
    const element = this.#top.ownerDocument.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  /** Appends `outer`; what follows goes into `inner`, until `leave`. */
  enter(outer: Element, inner: Element = outer): Element {
    this.append(outer);
    this.#path.push(inner);
    return outer;
  }

  leave(): void {
    this.flush();
    this.#tail = null;
    this.#path.pop();
  }

  append(element: Element): void {
    this.flush();
    this.#tail = null;
    this.#top.append(element);
  }

  text(text: string): void {
    this.#text += text;
  }

  /** Puts `text` before `element`, which is closed: what was taken for its mark stood for itself. */
  disown(element: Element, text: string): void {
    const before = element.previousSibling;
    if (before?.nodeType === Node.TEXT_NODE) (before as Text).appendData(text);
    else element.before(text);
    element.className = "unmarked";
  }

  flush(): void {
    if (this.#text === "") return;
    if (this.#tail) this.#tail.appendData(this.#text);
    else {
      this.#tail = this.#top.ownerDocument.createTextNode(this.#text);
      this.#top.append(this.#tail);
    }
    this.#text = "";
  }
}
