/** What has newly been said to the visitor. Pure. */
import type { Message, Room } from "../sdk/index.ts";

const FINAL = new Set<Message["status"]>(["complete", "stopped", "failed"]);

/**
 * Whole messages of others that came between two states of a room: those that were not there, and answers that were being
 * written. Nothing when the room has only just been loaded: what is old is no news.
 */
export function newsIn(before: Room | undefined, after: Room, me: string | null): Message[] {
  if (before === undefined || before.rev === null || before.messages === after.messages) return [];
  const last = before.messages.at(-1)?.seq ?? 0;
  const unfinished = new Set(before.messages.filter(({ status }) => status === "pending").map(({ id }) => id));
  return after.messages.filter(
    ({ id, seq, status, author }) => author.id !== me && FINAL.has(status) && (seq > last || unfinished.has(id)),
  );
}
