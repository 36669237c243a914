/** The SDK's front: what a face of the chat calls, and the state it shows. */
import type { Action } from "./actions.ts";
import type { Credentials } from "./credentials.ts";
import { ChatError } from "./errors.ts";
import type { DocumentState, Ok, ServerFrame } from "./frames.ts";
import { Link, type Request } from "./link.ts";
import { Mailbox, OUTGOING_MAX } from "./mailbox.ts";
import { defaultSocket, type KeyValueStore, randomId, type SocketClass, systemTime, type Time } from "./platform.ts";
import { INITIAL, reduce } from "./reduce.ts";
import { ReadMarks, TypingSigns } from "./signs.ts";
import type { MessageId, RoomId, State } from "./state.ts";

export interface ClientOptions {
  /** The server's address, such as `https://chat.example.com/`. */
  readonly server: string | URL;
  readonly credentials: Credentials;
  /** What this is, for the server's operators: `name/version`. */
  readonly client?: string;
  /** The language of the person, such as `zh-CN`. */
  readonly locale?: string;
  /** Where messages that are not sent yet survive a reload, such as `sessionStorage`. */
  readonly storage?: KeyValueStore | undefined;
  readonly WebSocket?: SocketClass;
  readonly time?: Time;
}

export type Listener = (state: State, previous: State) => void;
export type DocumentListener = (document: DocumentState) => void;

const RESUME_ROOMS = 200;
const HISTORY_PAGE = 50;
/** What one room may hold after much scrolling back; the rest stays on the server. */
export const LOADED_MAX = 20_000;
/** What stays of a room that is left, for a quick return. */
const KEPT_AFTER_LEAVING = 50;
const SYNC_AGAIN_MS = 1000;

export class ChatClient {
  private current: State = INITIAL;
  /** What the listeners know. */
  private told: State = INITIAL;
  private telling = false;
  private readonly options: ClientOptions;
  private readonly time: Time;
  private readonly listeners = new Set<Listener>();
  private readonly documentListeners = new Set<DocumentListener>();
  private readonly link: Link;
  private readonly mailbox: Mailbox;
  private readonly readMarks: ReadMarks;
  private readonly typingSigns: TypingSigns;

  constructor(options: ClientOptions) {
    this.options = options;
    this.time = options.time ?? systemTime;
    const { server, credentials, storage } = options;
    const request = (command: Request): Promise<Ok> => this.link.request(command);
    const dispatch = (action: Action) => this.dispatch([action]);
    this.mailbox = new Mailbox({ state: () => this.current, dispatch, request, time: this.time, storage });
    this.readMarks = new ReadMarks(request, this.time);
    this.typingSigns = new TypingSigns(request, this.time);
    this.link = new Link(
      { server, credentials, Socket: options.WebSocket ?? defaultSocket(), time: this.time },
      {
        hello: () => this.hello(),
        received: (frames) => this.received(frames),
        lost: () => dispatch({ type: "local.lost" }),
        status: (connection) => dispatch({ type: "local.connection", connection }),
        renewed: (expires) => dispatch({ type: "local.expires", expires }),
      },
    );
  }

  get state(): State {
    return this.current;
  }

  /** Called after each change, once for all objects of a frame. Returns the way out. */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Called as documents that this user gave are read and embedded. These events are no part of the state and some may
   * be lost, above all while there is no connection: the HTTP API has what is true. Returns the way out.
   */
  onDocument(listener: DocumentListener): () => void {
    this.documentListeners.add(listener);
    return () => void this.documentListeners.delete(listener);
  }

  /** Connect, and stay connected. */
  start(): void {
    this.link.start();
  }

  stop(): void {
    this.link.stop();
  }

  /** The network may have changed, or the person is impatient: tries now, or makes sure that the connection lives. */
  retryNow(): void {
    this.link.check();
  }

  /** Receive a room from now on, over all reconnects. */
  join(room: RoomId): void {
    if (this.current.rooms[room]?.joined) return;
    this.dispatch([{ type: "local.join", room }]);
    if (this.isOpen) void this.ask("room.join", room);
  }

  /** Stop receiving it. Membership is not touched. */
  leave(room: RoomId): void {
    if (!this.current.rooms[room]?.joined) return;
    this.dispatch([
      { type: "local.leave", room },
      { type: "local.trim", room, keep: KEPT_AFTER_LEAVING },
    ]);
    this.link.request({ type: "room.leave", room }).catch(ignore);
  }

  /**
   * Say something. It stands in `state.outgoing` at once, is sent when there is a connection, and again with the same
   * `cid`, which this returns, until the server has stored or refused it. Throws `ChatError` when too many wait.
   */
  send(room: RoomId, text: string, options: { replyTo?: MessageId | null; ask?: boolean } = {}): string {
    if (this.current.outgoing.length >= OUTGOING_MAX) {
      throw new ChatError("rate_limited", "Too many messages wait for the connection.");
    }
    const cid = randomId();
    const { replyTo = null, ask = null } = options;
    const created = new Date(this.time.now()).toISOString();
    const rest = { created, status: "queued", error: null, seq: null } as const;
    this.typingSigns.end(room);
    this.dispatch([{ type: "local.outgoing", outgoing: [{ cid, room, text, reply_to: replyTo, ask, ...rest }] }]);
    return cid;
  }

  /** A failed one once more, with the same `cid`. */
  resend(cid: string): void {
    this.dispatch([{ type: "local.unsent", cid, error: null }]);
  }

  /** A failed one, away. */
  discard(cid: string): void {
    this.dispatch([{ type: "local.discard", cid }]);
  }

  async edit(message: MessageId, text: string): Promise<void> {
    await this.link.request({ type: "message.edit", message, text });
  }

  async remove(message: MessageId): Promise<void> {
    await this.link.request({ type: "message.delete", message });
  }

  /** End an answer now, with the text so far; named by its id, or by its question's `cid`. */
  async stopAnswer(room: RoomId, answer: { message: MessageId } | { cid: string }): Promise<void> {
    await this.link.request({ type: "answer.stop", ...("cid" in answer ? { room, cid: answer.cid } : answer) });
  }

  /** Write an ended answer again; `attempt` is the one that ended. */
  async retryAnswer(message: MessageId, attempt: number): Promise<void> {
    await this.link.request({ type: "answer.retry", message, attempt: Math.max(1, attempt) });
  }

  async rate(message: MessageId, score: -1 | 0 | 1, comment = ""): Promise<void> {
    await this.link.request({ type: "answer.rate", message, score, comment });
  }

  /** Call it on each keystroke. */
  typing(room: RoomId): void {
    if (this.isOpen) this.typingSigns.sign(room);
  }

  /** Read up to `seq`, or to the end. */
  read(room: RoomId, seq?: number): void {
    const known = this.current.rooms[room];
    const upTo = seq ?? known?.messages.at(-1)?.seq ?? 0;
    if (known === undefined || upTo <= (known.entry?.read ?? 0)) return;
    this.dispatch([{ type: "local.read", room, seq: upTo }]);
    this.readMarks.mark(room, upTo);
  }

  /** One page of history before what is loaded. Rejects with `ChatError`. */
  async loadOlder(room: RoomId): Promise<void> {
    const known = this.current.rooms[room];
    if (known === undefined || known.from === 0 || known.loading || known.messages.length >= LOADED_MAX) return;
    const before = known.from;
    this.dispatch([{ type: "local.history", room }]);
    try {
      const ok = await this.link.request({ type: "room.history", room, before, limit: HISTORY_PAGE });
      this.dispatch([{ type: "local.page", room, before, messages: ok.messages ?? [], more: ok.more ?? false }]);
    } catch (error) {
      this.dispatch([{ type: "local.page", room, before, messages: null, more: true }]);
      throw error;
    }
  }

  /** Forget all but the latest `keep` messages; `loadOlder` brings them back. */
  trim(room: RoomId, keep: number): void {
    this.dispatch([{ type: "local.trim", room, keep }]);
  }

  // --- inside ---

  private get isOpen(): boolean {
    const { status } = this.current.connection;
    return status === "ready" || status === "catching-up";
  }

  private hello() {
    const { client = "sdk/1.0", locale = "en" } = this.options;
    const { epoch, rooms } = this.current;
    const joined = Object.values(rooms).filter((room) => room.joined);
    const resume = joined
      .slice(0, RESUME_ROOMS)
      .map(({ id, rev }) => (rev === null ? { room: id } : { room: id, rev }));
    this.dispatch([{ type: "local.hello", rooms: resume.map(({ room }) => room) }]);
    return { client, locale, rooms: resume, ...(epoch === null ? {} : { epoch }) };
  }

  private received(frames: readonly ServerFrame[]): void {
    this.dispatch(frames);
    for (const frame of frames) {
      if (frame.type === "ready") this.caughtUp();
      if (frame.type === "document") for (const listener of [...this.documentListeners]) listener(frame.document);
      // A room of the resume list that failed; the others go on.
      if (frame.type === "error" && frame.room !== undefined && frame.re === undefined) {
        this.askAgain(frame.room, frame.retry_after ?? null);
      }
    }
  }

  private caughtUp(): void {
    for (const room of Object.values(this.current.rooms)) {
      // Beyond what `hello` takes; or asked for while there was no connection.
      if (room.joined && room.rev === null && room.sync === "none") void this.ask("room.join", room.id);
    }
    this.readMarks.flush();
  }

  private dispatch(actions: readonly Action[]): void {
    const previous = this.current;
    const now = this.time.now();
    this.current = actions.reduce((state, action) => reduce(state, action, now), previous);
    if (this.current === previous) return;
    this.mailbox.work();
    // Asking is itself a change, after which the room is no longer among the gaps.
    const gap = this.isOpen ? this.current.gaps[0] : undefined;
    if (gap !== undefined) void this.ask("room.sync", gap);
    this.tell();
  }

  /** Tells the listeners. What they set off in turn is told when all of them have heard of this. */
  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    try {
      while (this.told !== this.current) {
        const previous = this.told;
        this.told = this.current;
        for (const listener of [...this.listeners]) listener(this.told, previous);
      }
    } finally {
      this.telling = false;
    }
  }

  private async ask(type: "room.join" | "room.sync", room: RoomId): Promise<void> {
    const rev = this.current.rooms[room]?.rev ?? null;
    this.dispatch([{ type: "local.sync", room, sync: "asked" }]);
    try {
      await this.link.request({ type, room, ...(rev === null ? {} : { rev }) });
    } catch (error) {
      const { code, retryAfter } = error as ChatError;
      if (code === "unavailable" || code === "rate_limited") this.askAgain(room, retryAfter);
      else this.dispatch([{ type: "local.sync", room, sync: "none" }]);
    }
  }

  private askAgain(room: RoomId, retryAfter: number | null): void {
    this.time.after((retryAfter ?? 0) * 1000 || SYNC_AGAIN_MS, () => {
      if (this.current.rooms[room]?.joined) this.dispatch([{ type: "local.sync", room, sync: "needed" }]);
    });
  }
}

function ignore(): void {}
