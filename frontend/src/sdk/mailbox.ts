/** Brings messages of one's own to the server: one at a time and room, in order, until each has an outcome. */
import type { LocalAction } from "./actions.ts";
import { ChatError } from "./errors.ts";
import type { Ok } from "./frames.ts";
import type { Request } from "./link.ts";
import { forgiving, type KeyValueStore, type Time } from "./platform.ts";
import type { Outgoing, RoomId, State } from "./state.ts";

/** More than these wait for nobody: `send` refuses. */
export const OUTGOING_MAX = 200;
const AGAIN_MS = 1000;

export interface MailboxOptions {
  readonly state: () => State;
  readonly dispatch: (action: LocalAction) => void;
  readonly request: (command: Request) => Promise<Ok>;
  readonly time: Time;
  readonly storage: KeyValueStore | undefined;
}

export class Mailbox {
  private readonly options: MailboxOptions;
  private readonly storage: KeyValueStore;
  /** Rooms where the server asked for patience. */
  private readonly held = new Set<RoomId>();
  private owner: string | null = null;
  private kept: readonly Outgoing[] = [];

  constructor(options: MailboxOptions) {
    this.options = options;
    this.storage = forgiving(options.storage);
  }

  /** After each change of the state. */
  work(): void {
    const { user, outgoing, connection } = this.options.state();
    if (user !== null && user.id !== this.owner) {
      this.owner = user.id;
      return this.restore();
    }
    if (outgoing !== this.kept) this.keep(outgoing);
    if (connection.status !== "ready" && connection.status !== "catching-up") return;
    const busy = new Set(this.held);
    for (const { room, status } of outgoing) if (status === "sent") busy.add(room);
    const next = outgoing.find(({ room, status }) => status === "queued" && !busy.has(room));
    // Sending is itself a change, which leads here again for the next one.
    if (next !== undefined) void this.deliver(next);
  }

  private async deliver({ room, cid, text, reply_to, ask }: Outgoing): Promise<void> {
    const { dispatch, request } = this.options;
    const command = { type: "message.send", room, cid, text, reply_to, ...(ask === null ? {} : { ask }) } as const;
    const answer = request(command);
    dispatch({ type: "local.sent", cid });
    try {
      const { message = "", seq = 0 } = await answer;
      dispatch({ type: "local.stored", cid, message, seq });
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      switch (error.code) {
        case "lost":
          return; // it is queued again, and goes with the next connection
        case "offline":
          return dispatch({ type: "local.unsent", cid, error: null });
        case "unavailable":
        case "rate_limited":
          this.hold(room, (error.retryAfter ?? 0) * 1000 || AGAIN_MS);
          return dispatch({ type: "local.unsent", cid, error: null });
        default:
          dispatch({ type: "local.unsent", cid, error: { code: error.code, message: error.message } });
      }
    }
  }

  private hold(room: RoomId, ms: number): void {
    this.held.add(room);
    this.options.time.after(ms, () => {
      this.held.delete(room);
      this.work();
    });
  }

  // --- what survives a reload ---

  private get key(): string {
    return `chatserver:outgoing:${this.owner}`;
  }

  /** What this user left unsent joins what has been written since; the dispatch leads back to `work`. */
  private restore(): void {
    let found: readonly Outgoing[] = [];
    try {
      found = JSON.parse(this.storage.getItem(this.key) ?? "[]");
    } catch {
      // Not ours; it is overwritten.
    }
    this.options.dispatch({ type: "local.outgoing", outgoing: found.slice(0, OUTGOING_MAX) });
  }

  private keep(outgoing: readonly Outgoing[]): void {
    this.kept = outgoing;
    if (this.owner === null) return;
    const unsent = outgoing
      .filter(({ status }) => status !== "stored")
      .map((message) => (message.status === "sent" ? { ...message, status: "queued" } : message));
    if (unsent.length === 0) this.storage.removeItem(this.key);
    else this.storage.setItem(this.key, JSON.stringify(unsent));
  }
}
