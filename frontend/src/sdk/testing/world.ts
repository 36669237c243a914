/**
 * A server's room for tests: a log of events, and for each moment what a process that has come this far would tell.
 * Processes are more or less behind; `Replica` is one of them as a socket sees it.
 */
import type { LiveAnswer, Message, RoomChanges, RoomMeta, ServerFrame, User, Welcome } from "../frames.ts";

export const ROOM = "room";
export const ME: User = { id: "me", name: "Me", kind: "user" };
const OTHER: User = { id: "other", name: "Other", kind: "user" };
const ASSISTANT: User = { id: "assistant", name: "Assistant", kind: "assistant" };
const CREATED = "2026-01-01T00:00:00Z";

interface Writing {
  readonly attempt: number;
  readonly pieces: readonly string[];
}

/** The room at one moment. */
export interface Moment {
  readonly rev: number;
  readonly metaRev: number;
  readonly meta: RoomMeta;
  readonly messages: ReadonlyMap<string, Message>;
  readonly live: ReadonlyMap<string, Writing>;
  readonly read: number;
}

/** How many messages a snapshot holds, and how many may have changed before there is one. */
export const SNAPSHOT = 5;
const CHANGES = 8;
/** How many messages fit into one `room.changes`. */
const FIT = 3;

export class World {
  readonly moments: Moment[] = [
    {
      rev: 0,
      metaRev: 0,
      meta: { title: "Room", kind: "group", policy: "always", owner: null, members: 2 },
      messages: new Map(),
      live: new Map(),
      read: 0,
    },
  ];
  /** `log[i]` leads from `moments[i]` to `moments[i + 1]`. */
  readonly log: ServerFrame[] = [];
  /** Every attempt's pieces, by `id/attempt`, to compare prefixes with. */
  readonly written = new Map<string, readonly string[]>();

  get now(): Moment {
    return this.moments.at(-1) as Moment;
  }

  say(author: "me" | "other", text: string, cid: string | null = null): void {
    this.put({ ...this.draft(author === "me" ? ME : OTHER, text), cid });
  }

  /** A question and its pending answer. */
  ask(text: string): void {
    const question = this.draft(OTHER, text);
    this.put(question);
    const answer = { ...this.draft(ASSISTANT, ""), status: "pending" as const, attempt: 1, reply_to: question.id };
    this.put(answer, (live) => live.set(answer.id, { attempt: 1, pieces: [] }));
  }

  edit(pick: number, text: string): void {
    const message = this.pick(pick, ({ status, author }) => status === "complete" && author.kind === "user");
    if (message) this.put({ ...message, text, rev: this.now.rev + 1, edited: CREATED });
  }

  remove(pick: number): void {
    const message = this.pick(pick, ({ status }) => status !== "deleted");
    if (!message) return;
    const gone = { ...message, text: "", status: "deleted" as const, rev: this.now.rev + 1, sources: [] };
    this.put(gone, (live) => live.delete(message.id));
  }

  /** The next deltas of an answer, as one frame. */
  write(pick: number, pieces: readonly string[]): void {
    const [id, writing] = this.pickLive(pick);
    if (id === null) return;
    const all = [...writing.pieces, ...pieces];
    this.written.set(`${id}/${writing.attempt}`, all);
    const live = new Map(this.now.live).set(id, { ...writing, pieces: all });
    const text = pieces.join("");
    const merged = pieces.length;
    const frame = { room: ROOM, message: id, attempt: writing.attempt, n: all.length, text } as const;
    this.step({ type: "answer.delta", ...frame, ...(merged === 1 ? {} : { merged }) }, { live });
  }

  /** The worker died: another begins anew, and no message tells. */
  supersede(pick: number): void {
    const [id, writing] = this.pickLive(pick);
    if (id === null) return;
    const attempt = writing.attempt + 1;
    const live = new Map(this.now.live).set(id, { attempt, pieces: [] });
    this.step({ type: "answer.stage", room: ROOM, message: id, attempt, stage: "searching" }, { live });
  }

  end(pick: number, status: "complete" | "stopped" | "failed"): void {
    const [id, { attempt, pieces }] = this.pickLive(pick);
    if (id === null) return;
    const message = this.now.messages.get(id) as Message;
    const ended = { ...message, text: pieces.join(""), status, attempt, rev: this.now.rev + 1 };
    this.put(ended, (live) => live.delete(id));
  }

  retry(pick: number): void {
    const message = this.pick(pick, ({ author, status }) => author.kind === "assistant" && /stop|fail/.test(status));
    if (!message) return;
    const attempt = (message.attempt ?? 0) + 1;
    const begun = { ...message, text: "", status: "pending" as const, attempt, rev: this.now.rev + 1 };
    this.put(begun, (live) => live.set(message.id, { attempt, pieces: [] }));
  }

  rename(title: string): void {
    const rev = this.now.rev + 1;
    const meta = { ...this.now.meta, title };
    this.step({ type: "room.updated", room: ROOM, rev, meta }, { rev, metaRev: rev, meta });
  }

  readTo(pick: number): void {
    const message = this.pick(pick, ({ seq }) => seq > this.now.read);
    if (!message) return;
    const next = { ...this.now, read: message.seq };
    const unread = countUnread(next);
    this.step({ type: "room.you", room: ROOM, role: "member", read: message.seq, unread }, { read: message.seq });
  }

  private draft(author: User, text: string): Message {
    const rev = this.now.rev + 1;
    const rest = { cid: null, status: "complete", attempt: 0, reply_to: null, edited: null, sources: [] } as const;
    return { ...rest, sources: [], id: `m${rev}`, seq: rev, rev, author, text, created: CREATED };
  }

  private put(message: Message, change: (live: Map<string, Writing>) => void = () => {}): void {
    const messages = new Map(this.now.messages).set(message.id, message);
    const live = new Map(this.now.live);
    change(live);
    this.step({ type: "message", room: ROOM, rev: message.rev, message }, { rev: message.rev, messages, live });
  }

  private step(frame: ServerFrame, change: Partial<Moment>): void {
    this.log.push(frame);
    this.moments.push({ ...this.now, ...change });
  }

  private pick(pick: number, which: (message: Message) => boolean): Message | undefined {
    const those = [...this.now.messages.values()].filter(which);
    return those[pick % Math.max(1, those.length)];
  }

  private pickLive(pick: number): readonly [string, Writing] | readonly [null, Writing] {
    const live = [...this.now.live];
    return live[pick % Math.max(1, live.length)] ?? [null, { attempt: 0, pieces: [] }];
  }
}

/** `room.changes` for a client at `since`, told by a process that has come to `moment`. */
export function changesAt(moment: Moment, since: number | null): RoomChanges {
  const sorted = [...moment.messages.values()].sort((one, other) => one.seq - other.seq);
  const changed = sorted.filter(({ rev }) => since !== null && rev > since).sort((one, other) => one.rev - other.rev);
  const base = { type: "room.changes", room: ROOM, rev: moment.rev, answers: answersAt(moment) } as const;
  if (since === null || since > moment.rev || changed.length > CHANGES) {
    return { ...base, messages: sorted.slice(-SNAPSHOT), reset: true, meta: moment.meta, answers: base.answers };
  }
  const whole = changed.length <= FIT;
  const messages = changed.slice(0, FIT);
  const rev = whole ? moment.rev : (messages.at(-1) as Message).rev;
  // Settings come with the part that reaches them.
  const news = moment.metaRev > since && moment.metaRev <= rev;
  return { ...base, rev, messages, ...(whole ? {} : { more: true }), ...(news ? { meta: moment.meta } : {}) };
}

export function pageAt(moment: Moment, before: number, limit: number): { messages: Message[]; more: boolean } {
  const older = [...moment.messages.values()]
    .filter(({ seq }) => seq < before)
    .sort((one, other) => other.seq - one.seq);
  return { messages: older.slice(0, limit), more: older.length > limit };
}

export function welcomeAt(moment: Moment): Welcome {
  const { title, kind, policy } = moment.meta;
  const last = [...moment.messages.values()].findLast(({ status }) => status !== "deleted") ?? null;
  const entry = {
    room: ROOM,
    rev: moment.rev,
    title,
    kind,
    policy,
    read: moment.read,
    unread: countUnread(moment),
    last,
  };
  return { type: "welcome", re: "1", epoch: "e", conn: "c", user: ME, rooms: [entry], more: false };
}

export function countUnread({ messages, read }: Moment): number {
  return [...messages.values()].filter(
    ({ seq, status, author }) => seq > read && status !== "deleted" && author.id !== ME.id,
  ).length;
}

function answersAt(moment: Moment): LiveAnswer[] {
  return [...moment.live].map(([message, { attempt, pieces }]) => ({
    ...{ message, attempt, n: pieces.length, text: pieces.join(""), stage: "writing" as const, sources: [] },
  }));
}
