/** The custom element. It has no state of its own: the widget that owns it keeps it on the page. */

export interface Owner {
  readonly element: HTMLElement;
  /** The tag was run once more, as page navigations without a load do. */
  adopt(site: string): void;
  /** The element was taken out of the document. */
  disconnected(): void;
}

export interface ElementClass extends CustomElementConstructor {
  owner: Owner | null;
}

const NAME = "chatserver-widget";

/** Defined once per page, by whichever script comes first; `owner` is how later ones find the widget that is there. */
export function elementClass(): ElementClass {
  const existing = customElements.get(NAME) as ElementClass | undefined;
  if (existing) return existing;

  class ChatserverWidget extends HTMLElement {
    static owner: Owner | null = null;

    connectedCallback(): void {
      // A copy, such as from the snapshots in which Turbo keeps pages: it would be an empty shell.
      if (ChatserverWidget.owner?.element !== this) this.remove();
    }

    disconnectedCallback(): void {
      const { owner } = ChatserverWidget;
      if (owner?.element === this) owner.disconnected();
    }
  }
  customElements.define(NAME, ChatserverWidget);
  return ChatserverWidget;
}

export function makeElement(): HTMLElement {
  elementClass();
  return document.createElement(NAME);
}
