/** Watches a visit for what is told outside of the panel: the badge, the page's events, the sound. */
import { unreadTotal } from "../sdk/index.ts";
import type { Host } from "./host.ts";
import { newsIn } from "./news.ts";
import type { Sound } from "./sound.ts";
import type { Visit } from "./visit.ts";

export interface Follower {
  /** Count again: the panel was opened or closed. */
  count(): void;
  stop(): void;
}

export function follow(host: Host, visit: Visit, sound: Sound): Follower {
  let unread = 0;

  function count(): void {
    // What is said before the visitor's eyes is not waiting for them.
    const seen = host.opened ? (visit.room?.entry?.unread ?? 0) : 0;
    const now = unreadTotal(visit.state) - seen;
    if (now === unread) return;
    unread = now;
    host.unread(now);
    host.emit("unread", { count: now });
  }

  const stop = visit.client.subscribe((state, previous) => {
    if (state.rooms === previous.rooms) return;
    count();
    const room = visit.room;
    if (!room) return;
    for (const message of newsIn(previous.rooms[room.id], room, state.user?.id ?? null)) {
      const { id, text, status, author, sources = [] } = message;
      host.emit("answer", { id, text, status, author: author.kind, sources: sources.length });
      if (status !== "stopped") sound.play(); // what the visitor has stopped is no news
    }
  });
  return { count, stop };
}
