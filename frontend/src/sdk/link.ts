/** Stays connected: credentials, `hello`, requests and their answers, reconnects with full jitter, renewals. */
import { delay, type Lost, verdict } from "./backoff.ts";
import { Connection } from "./connection.ts";
import type { Credentials } from "./credentials.ts";
import { ChatError } from "./errors.ts";
import type { Command, Hello, Ok, ServerFrame, Welcome } from "./frames.ts";
import { address } from "./http.ts";
import type { SocketClass, Time } from "./platform.ts";
import type { Connection as Status } from "./state.ts";

/** A command without its `id`, which the link gives. */
export type Request = Command extends infer C ? (C extends Command ? Omit<C, "id"> : never) : never;

export interface LinkOptions {
  readonly server: string | URL;
  readonly credentials: Credentials;
  readonly Socket: SocketClass;
  readonly time: Time;
}

export interface LinkOwner {
  /** What to say hello with; called for each connection. */
  hello(): Omit<Hello, "type" | "id" | "token">;
  received(frames: readonly ServerFrame[]): void;
  /** A socket ended; what was under way is lost. */
  lost(): void;
  status(status: Status): void;
  renewed(expires: string | null): void;
}

/** Refused credentials: asking again will not help. */
const FINAL = new Set(["unauthenticated", "forbidden", "not_found", "invalid"]);
const RENEW_SOONEST_MS = 10_000;
/** Credentials that have not come after this time are not waited for. */
const CREDENTIALS_MS = 15_000;

interface Waiting {
  resolve(ok: Ok): void;
  reject(error: ChatError): void;
}

export class Link {
  private readonly options: LinkOptions;
  private readonly owner: LinkOwner;
  private readonly url: string;
  private connection: Connection | null = null;
  private readonly waiting = new Map<string, Waiting>();
  private ids = 0;
  private helloId = "";
  private failures = 0;
  /** New credentials were got since the last welcome: a refusal is now final. */
  private renewing = false;
  private withToken = false;
  private cancelRetry = () => {};
  private cancelRenewal = () => {};
  private running = false;
  /** Credentials are being got for the next connection. */
  private attempting = false;

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.options = options;
    this.owner = owner;
    this.url = address(options.server, "ws").replace(/^http/, "ws");
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.attempt();
  }

  stop(): void {
    if (!this.running) return;
    this.running = false;
    this.halt();
    this.owner.status({ status: "stopped" });
  }

  /** Tries at once when there is no connection; when there is one, makes sure that it lives. */
  check(): void {
    if (!this.running) return;
    if (this.connection !== null) this.connection.check();
    else if (!this.attempting) void this.attempt();
  }

  /** Resolves with the `ok`. Rejects with `ChatError`: the server's `error`, `offline`, or `lost`. */
  request(command: Request): Promise<Ok> {
    const id = this.nextId();
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      if (this.connection?.send({ ...command, id } as Command)) return;
      this.waiting.delete(id);
      reject(new ChatError("offline", "There is no connection."));
    });
  }

  private nextId(): string {
    return String(++this.ids);
  }

  private async attempt(): Promise<void> {
    this.cancelRetry();
    const round = { over: false };
    const late = this.options.time.after(CREDENTIALS_MS, () => {
      this.cancelRetry();
      this.wait({ code: 1006, retryAfter: null });
    });
    this.attempting = true;
    this.cancelRetry = () => {
      round.over = true;
      this.attempting = false;
      late();
    };
    this.owner.status({ status: "connecting" });
    let token: string | null;
    try {
      token = await this.options.credentials.token();
    } catch (error) {
      if (round.over) return;
      this.cancelRetry();
      const { code, message, retryAfter } = asChatError(error);
      if (FINAL.has(code)) this.refuse(code === "unauthenticated" ? code : "forbidden", message);
      else this.wait({ code: 1006, retryAfter });
      return;
    }
    if (round.over) return;
    this.cancelRetry();
    this.withToken = token !== null;
    const ping = (): Command => ({ type: "ping", id: this.nextId() });
    this.connection = new Connection(this.url, this.options.Socket, this.options.time, ping, {
      opened: () => this.hello(token),
      received: (frames) => this.receive(frames, token),
      lost: (how) => this.ended(how),
    });
  }

  private hello(token: string | null): void {
    this.helloId = this.nextId();
    const frame: Hello = {
      type: "hello",
      id: this.helloId,
      ...this.owner.hello(),
      ...(token === null ? {} : { token }),
    };
    this.connection?.send(frame);
  }

  private receive(frames: readonly ServerFrame[], token: string | null): void {
    for (const frame of frames) {
      if (frame.type === "welcome") this.welcomed(frame);
      if (frame.type === "ready") this.failures = 0;
      if (frame.type === "error" && frame.re === this.helloId && frame.code === "unavailable") {
        const { connection } = this;
        this.options.time.after((frame.retry_after ?? 1) * 1000, () => {
          if (connection === this.connection) this.hello(token);
        });
      }
    }
    this.owner.received(frames);
    for (const frame of frames) if (frame.type === "ok" || frame.type === "error") this.settle(frame);
  }

  private settle(frame: Extract<ServerFrame, { type: "ok" | "error" }>): void {
    const waiting = frame.re === undefined ? undefined : this.waiting.get(frame.re);
    if (frame.re === undefined || waiting === undefined) return;
    this.waiting.delete(frame.re);
    if (frame.type === "ok") waiting.resolve(frame);
    else waiting.reject(ChatError.of(frame));
  }

  private welcomed(frame: Welcome): void {
    this.renewing = false;
    if (this.connection !== null) this.connection.heartbeat = frame.heartbeat ?? this.connection.heartbeat;
    this.renewBefore(frame.expires ?? null);
  }

  private renewBefore(expires: string | null): void {
    this.cancelRenewal();
    if (expires === null || !this.withToken) return;
    const { time } = this.options;
    const left = Date.parse(expires) - time.now();
    this.cancelRenewal = time.after(Math.max(RENEW_SOONEST_MS, left * 0.8), () => void this.renew());
  }

  private async renew(): Promise<void> {
    try {
      const token = await this.options.credentials.token();
      if (token === null) return;
      const { expires = null } = await this.request({ type: "auth.refresh", token });
      this.owner.renewed(expires);
      this.renewBefore(expires);
    } catch {
      // The server will close the socket when the old credentials end, and that has its way of going on.
    }
  }

  private ended(how: Lost): void {
    this.halt();
    switch (verdict(how.code)) {
      case "forbidden":
        return this.refuse("forbidden", "The server closed this chat.");
      case "protocol":
        return this.refuse("protocol", "This client and the server do not understand each other.");
      case "renew":
        if (this.renewing || !this.withToken) return this.refuse("unauthenticated", "Please sign in again.");
        this.renewing = true;
        return this.wait(how);
      case "retry":
        return this.wait(how);
    }
  }

  private wait(how: Lost): void {
    const { time } = this.options;
    const ms = delay(how, this.failures++, time.random());
    this.owner.status({ status: "offline", retryAt: time.now() + ms });
    this.cancelRetry = time.after(ms, () => void this.attempt());
  }

  private refuse(code: "unauthenticated" | "forbidden" | "protocol", message: string): void {
    this.running = false;
    this.halt();
    this.owner.status({ status: "refused", code, message });
  }

  private halt(): void {
    this.cancelRetry();
    this.cancelRenewal();
    this.connection?.close();
    this.connection = null;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    this.owner.lost();
    for (const { reject } of waiting) reject(new ChatError("lost", "The connection ended before the answer came."));
  }
}

function asChatError(error: unknown): ChatError {
  return error instanceof ChatError ? error : new ChatError("internal", error instanceof Error ? error.message : "");
}
