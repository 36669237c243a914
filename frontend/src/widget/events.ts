/** The events that a page may listen to with `Chatserver.on`. */

export interface WidgetEvents {
  /** The site was accepted and the launcher is on the page. Told at once to who asks later. */
  ready: { site: string };
  open: Record<string, never>;
  close: Record<string, never>;
  /** The visitor sent a message. */
  message: { text: string };
  /** An answer ended, or an operator wrote. */
  answer: { id: string; text: string; status: string; author: string; sources: number };
  unread: { count: number };
  error: { code: string; message: string };
}

export type EventName = keyof WidgetEvents;
export type Handler<N extends EventName> = (detail: WidgetEvents[N]) => void;

export class Emitter {
  readonly #handlers = new Map<EventName, Set<Handler<EventName>>>();
  #ready: WidgetEvents["ready"] | null = null;

  on<N extends EventName>(event: N, handler: Handler<N>): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers);
    handlers.add(handler as Handler<EventName>);
    if (event === "ready" && this.#ready) call(handler as Handler<EventName>, this.#ready);
    return () => void handlers.delete(handler as Handler<EventName>);
  }

  emit<N extends EventName>(event: N, detail: WidgetEvents[N]): void {
    if (event === "ready") this.#ready = detail as WidgetEvents["ready"];
    for (const handler of [...(this.#handlers.get(event) ?? [])]) call(handler, detail);
  }
}

/** The page's own code: what goes wrong in it is the page's, and must not stop the widget. */
function call(handler: Handler<EventName>, detail: WidgetEvents[EventName]): void {
  try {
    handler(detail);
  } catch (error) {
    console.error(error);
  }
}
