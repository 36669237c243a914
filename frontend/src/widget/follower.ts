/** Watches a visit for what is told outside of the panel: the badge, the page's events, sound, screen readers. */
import { type Message, type State, unreadTotal } from "../sdk/index.ts";
import type { Announcer } from "./announcer.ts";
import type { Host } from "./host.ts";
import { beginsIn, newsIn, plain } from "./news.ts";
import type { Sound } from "./sound.ts";
import type { Translate } from "./texts.ts";
import type { Visit } from "./visit.ts";

export interface Outside {
  readonly host: Host;
  readonly visit: Visit;
  readonly announcer: Announcer;
  readonly sound: Sound;
  readonly t: Translate;
}

/** Returns what ends it. */
export function follow({ host, visit, announcer, sound, t }: Outside): () => void {
  let unread = 0;

  function count(state: State): void {
    const now = unreadTotal(state);
    if (now === unread) return;
    unread = now;
    host.unread(now);
    host.emit("unread", { count: now });
  }

  function tell(message: Message): void {
    const { id, text, status, author, sources = [] } = message;
    host.emit("answer", { id, text, status, author: author.kind, sources: sources.length });
    if (status === "stopped") return; // the visitor did that
    sound.play();
    if (!host.opened) return; // the launcher's label says it
    const name = author.kind === "assistant" ? (visit.site?.assistant ?? author.name) : author.name;
    const cited = sources.length > 0 ? ` ${t("sources", { count: sources.length })}.` : "";
    announcer.say(status === "failed" ? t("failed") : `${name}: ${plain(text)}${cited}`);
  }

  return visit.client.subscribe((state, previous) => {
    if (state.rooms === previous.rooms) return;
    count(state);
    const room = visit.room;
    const before = room && previous.rooms[room.id];
    if (!room || room === before) return;
    for (const message of newsIn(before ?? undefined, room, state.user?.id ?? null)) tell(message);
    if (host.opened && beginsIn(before ?? undefined, room)) announcer.say(t("writing"));
  });
}
