/** Watches a visit for what is told outside of the panel: the badge, the page's events, the sound. */
import { type State, unreadTotal } from "../sdk/index.ts";
import type { Host } from "./host.ts";
import { newsIn } from "./news.ts";
import type { Sound } from "./sound.ts";
import type { Visit } from "./visit.ts";

/** Returns what ends it. */
export function follow(host: Host, visit: Visit, sound: Sound): () => void {
  let unread = 0;

  function count(state: State): void {
    const now = unreadTotal(state);
    if (now === unread) return;
    unread = now;
    host.unread(now);
    host.emit("unread", { count: now });
  }

  return visit.client.subscribe((state, previous) => {
    if (state.rooms === previous.rooms) return;
    count(state);
    const room = visit.room;
    if (!room) return;
    for (const message of newsIn(previous.rooms[room.id], room, state.user?.id ?? null)) {
      const { id, text, status, author, sources = [] } = message;
      host.emit("answer", { id, text, status, author: author.kind, sources: sources.length });
      if (status !== "stopped") sound.play(); // what the visitor has stopped is no news
    }
  });
}
