/** Keeps a room's entry in the list of rooms in step with its messages. Pure. */
import type { Message, Room, RoomEntry } from "./state.ts";

/** The server counts no further. */
export const UNREAD_MAX = 99;

/** `room` with `unread` and `last` of its entry as its messages say; `me` is this user's id. */
export function withCounts(room: Room, me: string | null): Room {
  if (room.entry === null || !room.joined || room.rev === null) return room;
  const { entry } = room;
  const unread = countUnread(room, entry, me);
  const last = room.messages.findLast((message) => message.status !== "deleted") ?? entry.last ?? null;
  const rev = Math.max(entry.rev, room.rev);
  if (unread === entry.unread && last === entry.last && rev === entry.rev) return room;
  return { ...room, entry: { ...entry, unread, last, rev } };
}

/** Others' messages above what was read (docs/protocol.md, "Messages and answers"). */
function countUnread(room: Room, entry: RoomEntry, me: string | null): number {
  const read = entry.read ?? 0;
  let count = 0;
  for (let index = room.messages.length - 1; index >= 0 && count < UNREAD_MAX; index--) {
    const message = room.messages[index] as Message;
    if (message.seq <= read) break;
    if (message.status !== "deleted" && message.author.id !== me) count++;
  }
  // Of what is not loaded only the server knows.
  return room.from <= read + 1 ? count : Math.max(count, entry.unread ?? 0);
}
