/** From messages to rows: days, groups, the line above what is new, who has read how far. Pure. */
import type { Member, Message, Outgoing } from "../sdk/index.ts";
import { sameDay } from "../ui/time.ts";

/** Messages of one author that follow each other within this time stand under one name, in ms. */
export const GROUP_MS = 5 * 60_000;

interface Place {
  /** Stays the same while an outgoing message becomes a stored one. */
  readonly key: string;
  /** A new day begins here: its label stands above. */
  readonly day: Date | null;
  /** The first unread message: the line stands above. */
  readonly fresh: boolean;
  /** Goes on under the name of the row before. */
  readonly grouped: boolean;
}

export type Row =
  | (Place & { readonly kind: "message"; readonly message: Message; readonly readers: readonly Member[] })
  | (Place & { readonly kind: "outgoing"; readonly outgoing: Outgoing });

/** The messages with a `seq` above `after` and up to `upTo`. */
export interface Unread {
  readonly after: number;
  readonly upTo: number;
}

export interface TimelineInput {
  readonly messages: readonly Message[];
  /** Every message from this `seq` on is among them. */
  readonly from: number;
  /** Of this room. */
  readonly outgoing: readonly Outgoing[];
  readonly me: string | null;
  /** What was unread when the room was opened: above the first message of it stands the line; null: no line. */
  readonly unread: Unread | null;
  readonly members: readonly Member[];
}

export function timelineRows({ messages, from, outgoing, me, unread, members }: TimelineInput): Row[] {
  const rows: Row[] = [];
  const readers = readersByIndex(messages, members, me);
  let before: { author: string | null; created: Date; ends: boolean } | null = null;
  // Where the first unread message is not loaded, there is no place for the line.
  let lineDrawn = unread === null || from > unread.after + 1;
  for (const [index, message] of messages.entries()) {
    const created = new Date(message.created);
    const day = before === null || !sameDay(before.created, created) ? created : null;
    const news = !lineDrawn && unread !== null && isUnread(message, unread, me);
    const mine = message.author.id === me;
    lineDrawn ||= news;
    rows.push({
      kind: "message",
      key: mine && message.cid ? message.cid : message.id,
      message,
      day,
      fresh: news,
      grouped: day === null && !news && follows(before, message.author.id, created) && !startsGroup(message),
      readers: readers.get(index) ?? [],
    });
    before = { author: message.author.id, created, ends: startsGroup(message) };
  }
  for (const message of outgoing) {
    const created = new Date(message.created);
    const day = before === null || !sameDay(before.created, created) ? created : null;
    const grouped = day === null && follows(before, me, created) && message.reply_to === null;
    rows.push({ kind: "outgoing", key: message.cid, outgoing: message, day, fresh: false, grouped });
    before = { author: me, created, ends: false };
  }
  return rows;
}

function isUnread(message: Message, { after, upTo }: Unread, me: string | null): boolean {
  return message.seq > after && message.seq <= upTo && message.author.id !== me && message.status !== "deleted";
}

/** Answers and replies stand for themselves: above them is said what they refer to. */
function startsGroup(message: Message): boolean {
  return message.author.kind === "assistant" || (message.reply_to ?? null) !== null;
}

function follows(
  before: { author: string | null; created: Date; ends: boolean } | null,
  author: string | null,
  created: Date,
): boolean {
  return (
    before !== null &&
    before.author === author &&
    !before.ends &&
    created.getTime() - before.created.getTime() < GROUP_MS
  );
}

/** For each index, the members for whom it is the last message they have read. */
function readersByIndex(
  messages: readonly Message[],
  members: readonly Member[],
  me: string | null,
): Map<number, Member[]> {
  const found = new Map<number, Member[]>();
  for (const member of members) {
    if (member.id === me || member.kind === "assistant" || !member.read) continue;
    const index = lastAtOrBelow(messages, member.read);
    if (index < 0 || messages[index]?.author.id === member.id) continue;
    found.set(index, [...(found.get(index) ?? []), member]);
  }
  return found;
}

/** The index of the last message with a `seq` up to `seq`; -1 when there is none. */
export function lastAtOrBelow(messages: readonly Message[], seq: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.seq ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** How many others' messages came after `seq`. */
export function newSince(messages: readonly Message[], seq: number, me: string | null): number {
  let count = 0;
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index];
    if (!message || message.seq <= seq) break;
    if (message.author.id !== me && message.status !== "deleted") count++;
  }
  return count;
}
