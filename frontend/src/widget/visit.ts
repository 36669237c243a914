/** Somebody's visit: who they are to the server, their connection, and the conversation on screen. */
import {
  ChatClient,
  ChatError,
  type Room,
  type RoomId,
  type State,
  VisitorCredentials,
  type VisitorSession,
} from "../sdk/index.ts";
import type { Observable } from "../ui/hooks.ts";
import { type Host, type Identity, knownKey } from "./host.ts";
import { subjectOf } from "./identity.ts";

/** What is written before there is a room waits here; more would be a mistake. */
const WAITING_MAX = 10;

export class Visit implements Observable {
  readonly client: ChatClient;
  /** What the server says of the site; null until it was asked. */
  site: VisitorSession["site"] | null = null;
  /** The conversation on screen; null until there is one. */
  roomId: RoomId | null = null;
  /** Written before there was a conversation to send it to. */
  waiting: readonly string[] = [];
  /** May be renewed, for the same person. */
  identity: Identity | undefined;
  readonly #host: Host;
  readonly #roomKey: string;
  readonly #draftKey: string;
  readonly #credentials: VisitorCredentials;
  readonly #listeners = new Set<() => void>();
  #home: RoomId | null = null;
  #signed = "";

  /** `identity`: who the page says is here; undefined: it said nothing. */
  constructor(host: Host, identity: Identity | undefined) {
    const { server, site } = host.config;
    this.identity = identity;
    this.#host = host;
    this.#roomKey = `chatserver:room:${site}`;
    this.#draftKey = `chatserver:draft:${site}`;
    this.#credentials = new VisitorCredentials({
      server,
      site,
      storage: host.local,
      locale: host.locale,
      identity: async () => this.#signed,
    });
    this.client = new ChatClient({
      server,
      credentials: { token: () => this.#token() },
      client: "widget/1.0",
      locale: host.locale,
      storage: host.session,
    });
    this.client.subscribe(() => this.#changed());
  }

  get state(): State {
    return this.client.state;
  }

  get room(): Room | null {
    return this.roomId === null ? null : (this.state.rooms[this.roomId] ?? null);
  }

  /** What is being written. It survives a reload, and a change of the conversation. */
  get draft(): string {
    return this.#host.session.getItem(this.#draftKey) ?? "";
  }

  set draft(text: string) {
    this.#host.session.setItem(this.#draftKey, text);
  }

  /** Called after each change of the client's state or of what is here. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Go to another conversation. */
  show(room: RoomId): void {
    if (room === this.roomId) return;
    if (this.roomId !== null) this.client.leave(this.roomId);
    this.roomId = room;
    this.#host.session.setItem(this.#roomKey, room);
    this.client.join(room);
    this.#tell();
  }

  /** Begin a new conversation. Rejects with `ChatError`. */
  async begin(): Promise<void> {
    this.show((await this.#session({ fresh: true })).room);
  }

  /** Throws `ChatError` when too much waits already. */
  send(text: string): void {
    if (this.roomId !== null) this.client.send(this.roomId, text);
    else if (this.waiting.length < WAITING_MAX) this.waiting = [...this.waiting, text];
    else throw new ChatError("rate_limited", "");
    this.#host.emit("message", { text });
    this.#tell();
  }

  /** There may be a network now: try at once, or look whether the connection lives. */
  wake(): void {
    this.client.retryNow();
  }

  end(): void {
    this.#listeners.clear();
    this.client.stop();
  }

  async #session(options?: { fresh: boolean }): Promise<VisitorSession> {
    const { identity } = this;
    this.#signed = (typeof identity === "function" ? await identity() : identity) ?? "";
    this.#recognise();
    return this.#credentials.session(options);
  }

  /** Where somebody was signed in, the next person at this browser is somebody else: nothing may stay for them. */
  #recognise(): void {
    const { local, session, config } = this.#host;
    const key = knownKey(config.site);
    const before = local.getItem(key);
    const now = this.#signed ? subjectOf(this.#signed) : this.identity === null ? null : before;
    if (before !== null && before !== now) {
      this.#credentials.forget();
      session.removeItem(this.#roomKey);
      session.removeItem(this.#draftKey);
      local.removeItem(key);
    }
    if (now !== null) local.setItem(key, now);
  }

  async #token(): Promise<string> {
    const session = await this.#session();
    this.site = session.site;
    this.#home = session.room;
    if (this.roomId === null) {
      this.show(this.#host.session.getItem(this.#roomKey) ?? session.room);
      for (const text of this.waiting) this.client.send(this.roomId ?? session.room, text);
      this.waiting = [];
    }
    this.#tell();
    return session.ticket;
  }

  #changed(): void {
    // The conversation is not, or no longer, this visitor's.
    if (this.roomId !== null && this.#home !== null && !this.state.rooms[this.roomId]) this.show(this.#home);
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
