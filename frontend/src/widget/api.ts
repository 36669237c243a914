/** `window.Chatserver`, what a page may do with its widget. */
import type { EventName, Handler } from "./events.ts";
import type { Identity } from "./host.ts";
import type { Widget } from "./widget.ts";

export interface ChatserverApi {
  open(): void;
  close(): void;
  toggle(): void;
  /** Who is at the page: a JWT signed by its back end, or a function that gets one; null after a sign-out. */
  identify(identity: Identity): void;
  /** Returns what takes the handler off again. */
  on<N extends EventName>(event: N, handler: Handler<N>): () => void;
  /** Takes the widget off the page for good. The conversation stays on the server. */
  destroy(): void;
}

declare global {
  interface Window {
    Chatserver?: ChatserverApi;
  }
}

/**
 * Calls may come before the core is there. Nothing needs to be queued for that: what they ask for - open or not, who is
 * here, who listens - is kept as it is, so that any number of calls takes no more room than the last.
 */
export function expose(widget: Widget): void {
  const api: ChatserverApi = Object.freeze({
    open: () => widget.open(),
    close: () => widget.close(),
    toggle: () => widget.toggle(),
    identify: (identity: Identity) => widget.identify(identity),
    on: <N extends EventName>(event: N, handler: Handler<N>) => widget.events.on(event, handler),
    destroy() {
      widget.destroy();
      if (window.Chatserver === api) delete window.Chatserver;
    },
  });
  window.Chatserver = api;
  // For page scripts that ran before: `async` tells nobody when.
  window.dispatchEvent(new CustomEvent("chatserver:loaded"));
}
