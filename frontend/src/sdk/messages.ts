/** A room's messages: a gapless stretch up to its end, ascending by `seq`. Pure. */
import type { Answer, Message, MessageId, Room } from "./state.ts";

/** Changes of messages not loaded that are kept while a page of history is under way; beyond, the page is void. */
export const STRAYS_MAX = 200;

/** The index of the message with this `seq`, or `~index` of where it belongs. */
export function indexOf(messages: readonly Message[], seq: number): number {
  // Nearly everything that arrives concerns the end.
  const last = messages.length - 1;
  if (last < 0 || (messages[last] as Message).seq < seq) return ~messages.length;
  let low = 0;
  let high = last;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const there = (messages[middle] as Message).seq;
    if (there === seq) return middle;
    if (there < seq) low = middle + 1;
    else high = middle - 1;
  }
  return ~low;
}

/** The message with this id, sought from the end. */
export function messageOf(room: Room, id: MessageId): Message | null {
  return room.messages.findLast((message) => message.id === id) ?? null;
}

/** `room` with `message` in it, where its `rev` is news; the text of an answer that ended is no longer live. */
export function store(room: Room, message: Message): Room {
  const answers = endedBy(room.answers, message);
  const changed = answers === room.answers ? room : { ...room, answers };
  if (message.seq < room.from) return astray(changed, message);
  const index = indexOf(room.messages, message.seq);
  const known = index < 0 ? null : (room.messages[index] as Message);
  if (known !== null && message.rev <= known.rev) return changed;
  const messages = room.messages.slice();
  if (known !== null) messages[index] = message;
  else messages.splice(~index, 0, message);
  return { ...changed, messages };
}

/** A page of history before `room.from`, newest first. */
export function withPage(room: Room, page: readonly Message[], more: boolean): Room {
  const latest = new Map(room.strays.map((message) => [message.seq, message]));
  const older = page
    .map((message) => {
      const stray = latest.get(message.seq);
      return stray !== undefined && stray.rev > message.rev ? stray : message;
    })
    .reverse();
  const from = more && older[0] !== undefined ? older[0].seq : 0;
  return { ...room, messages: [...older, ...room.messages], from, loading: false, strays: [] };
}

/** A message that is not loaded: only of interest for a page that was read before it changed. */
function astray(room: Room, message: Message): Room {
  if (!room.loading) return room;
  if (room.strays.length >= STRAYS_MAX) return { ...room, loading: false, strays: [] };
  const known = room.strays.find((stray) => stray.seq === message.seq);
  if (known !== undefined && known.rev >= message.rev) return room;
  return { ...room, strays: [...room.strays.filter((stray) => stray !== known), message] };
}

function endedBy(answers: Room["answers"], message: Message): Room["answers"] {
  const live: Answer | undefined = answers[message.id];
  if (live === undefined) return answers;
  const attempt = message.attempt ?? 0;
  const over = message.status === "pending" ? live.attempt < attempt : live.attempt <= attempt;
  if (!over && message.status !== "deleted") return answers;
  const { [message.id]: _, ...others } = answers;
  return others;
}
