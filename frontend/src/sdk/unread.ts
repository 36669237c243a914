/** Keeps a room's entry in the list of rooms in step with its messages. Pure. */
import type { Message, Room, RoomEntry } from "./state.ts";

/** The server counts no further. */
export const UNREAD_MAX = 99;

/**
 * `room` with `rev`, `unread` and `last` of its entry as its messages say; `me` is this user's id, `applied` are the
 * messages that came just now, loaded or not. The entry the server gave counts as of its own `rev`: while the room lags
 * behind that, it knows better.
 */
export function withCounts(room: Room, me: string | null, applied: readonly Message[] = []): Room {
  const { entry, rev } = room;
  if (entry === null || !room.joined || rev === null || rev < entry.rev) return room;
  const last = room.messages.findLast((message) => message.status !== "deleted") ?? entry.last ?? null;
  return { ...room, entry: { ...entry, rev, unread: countUnread(room, entry, me, applied), last } };
}

/** Others' messages above what was read, without deleted ones (docs/protocol.md, "Messages and answers"). */
function countUnread(room: Room, entry: RoomEntry, me: string | null, applied: readonly Message[]): number {
  const { read = 0, unread = 0 } = entry;
  let loaded = 0;
  let news = 0; // against what the entry has counted: made since, or deleted since
  for (let index = room.messages.length - 1; index >= 0; index--) {
    const message = room.messages[index] as Message;
    if (message.seq <= read || loaded >= UNREAD_MAX) break;
    if (message.author.id === me) continue;
    const deleted = message.status === "deleted";
    if (!deleted) loaded++;
    if (message.seq > entry.rev) news += deleted ? 0 : 1;
    else if (deleted && message.rev > entry.rev) news--;
  }
  for (const { seq, rev, status, author } of applied) {
    const counted = seq < room.from && seq > read && seq <= entry.rev && author.id !== me;
    if (counted && status === "deleted" && rev > entry.rev) news--;
  }
  const all = room.from <= read + 1;
  // Of what is not loaded only the server knows: its count goes on from where it was.
  return Math.min(UNREAD_MAX, all ? loaded : Math.max(loaded, unread + news));
}
