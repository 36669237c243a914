/** Questions to a state that several faces ask. Pure. */
import type { Answer, Message, Piece, Room, RoomId, State } from "./state.ts";

/** The rooms of the list, the latest activity first. */
export function roomsByActivity(state: State): Room[] {
  const activity = (room: Room) => room.entry?.last?.created ?? madeAt(room.id);
  return Object.values(state.rooms)
    .filter((room) => room.entry !== null)
    .sort((one, other) => activity(other).localeCompare(activity(one)) || other.id.localeCompare(one.id));
}

/** Ids are UUIDs of version 7, which begin with the milliseconds at which they were made. */
function madeAt(id: RoomId): string {
  const made = new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
  return Number.isNaN(made.getTime()) ? "" : made.toISOString();
}

export function unreadTotal(state: State): number {
  return Object.values(state.rooms).reduce((sum, room) => sum + (room.entry?.unread ?? 0), 0);
}

/** Whether there are messages before the first one loaded. */
export function hasOlder(room: Room): boolean {
  return room.from > 0;
}

/** Answers that are being written, or wait to be. */
export function pendingAnswers(room: Room): Message[] {
  return room.messages.filter((message) => message.status === "pending");
}

/** The question that `answer` answers, if it is loaded. */
export function questionOf(room: Room, answer: Message): Message | null {
  return room.messages.findLast((message) => message.id === answer.reply_to) ?? null;
}

/**
 * What somebody who has shown `length` UTF-16 units of this attempt appends to show all of it; null when that does not
 * fit together, and the text has to be shown anew. Costs what is appended.
 */
export function piecesSince(answer: Answer, length: number): string[] | null {
  const pieces: string[] = [];
  let piece: Piece | null = answer.piece;
  while (piece !== null && piece.start >= length) {
    pieces.push(piece.text);
    if (piece.start === length) return pieces.reverse();
    piece = piece.before;
  }
  return length === answer.text.length ? [] : null;
}
