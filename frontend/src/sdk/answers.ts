/** The text of answers while they are being written, by the position rules of docs/protocol.md. Pure. */
import type { AnswerDelta, AnswerStage, LiveAnswer } from "./frames.ts";
import { messageOf } from "./messages.ts";
import type { Answer, Message, MessageId, Room } from "./state.ts";

/** An attempt before its first delta. */
export function begun(attempt: number): Answer {
  return { attempt, n: 0, text: "", piece: null, stage: "queued", sources: [] };
}

/** `gap`: a delta is missing; the server has to be asked. */
export type Applied = { readonly room: Room; readonly gap: boolean };

export function applyDelta(room: Room, delta: AnswerDelta): Applied {
  const answer = current(room, delta.message, delta.attempt);
  if (answer === null || delta.n <= answer.n) return { room, gap: false };
  const merged = delta.merged ?? 1;
  const { n, text } = delta;
  if (n - merged === answer.n) {
    const piece = { text, start: answer.text.length, before: answer.piece };
    return { room: withAnswer(room, delta.message, { ...answer, n, text: answer.text + text, piece }), gap: false };
  }
  if (merged === n) return { room: withAnswer(room, delta.message, replaced(answer, n, text)), gap: false };
  return { room, gap: true };
}

export function applyStage(room: Room, event: AnswerStage): Room {
  const answer = current(room, event.message, event.attempt);
  if (answer === null) return room;
  const sources = event.sources ?? answer.sources;
  return withAnswer(room, event.message, { ...answer, stage: event.stage, sources });
}

/**
 * The answers of a `room.changes`. They are whole, so those not among them have ended. Of the same attempt the longer
 * text counts: after a reconnect, another process may still be a little behind.
 */
export function applySnapshots(room: Room, snapshots: readonly LiveAnswer[]): Room {
  const answers: Record<MessageId, Answer> = {};
  for (const snapshot of snapshots) {
    const known = current(room, snapshot.message, snapshot.attempt);
    if (known === null) continue;
    const { stage = "queued", sources = known.sources } = snapshot;
    const ahead = snapshot.n > known.n ? replaced(known, snapshot.n, snapshot.text) : known;
    answers[snapshot.message] = { ...ahead, stage, sources };
  }
  // Texts too long for the object follow it as events.
  for (const [id, answer] of Object.entries(room.answers)) {
    if (!(id in answers) && messageOf(room, id)?.status === "pending") answers[id] = answer;
  }
  return { ...room, answers };
}

function replaced(answer: Answer, n: number, text: string): Answer {
  return { ...answer, n, text, piece: text === "" ? null : { text, start: 0, before: null } };
}

/** The live form that something about `attempt` applies to; null when that attempt is over. */
function current(room: Room, id: MessageId, attempt: number): Answer | null {
  const live = room.answers[id];
  if (live !== undefined && attempt === live.attempt) return live;
  if (live !== undefined && attempt < live.attempt) return null;
  const message = messageOf(room, id);
  return message !== null && isOver(message, attempt) ? null : begun(attempt);
}

function isOver(message: Message, attempt: number): boolean {
  const known = message.attempt ?? 0;
  return attempt < known || (message.status !== "pending" && attempt === known) || message.status === "deleted";
}

function withAnswer(room: Room, id: MessageId, answer: Answer): Room {
  return { ...room, answers: { ...room.answers, [id]: answer } };
}
