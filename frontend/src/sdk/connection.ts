/** One socket: opens it, reads frames, and finds out when it is dead. It holds no rules of rooms. */
import type { Lost } from "./backoff.ts";
import type { Command, ServerFrame } from "./frames.ts";
import type { SocketClass, SocketLike, Time } from "./platform.ts";

export const SUBPROTOCOL = "chat.v1.json";
/** A socket that has not opened, or not been welcomed, after this time never will. */
const OPEN_MS = 15_000;
/** How long a silent socket has to answer a ping. */
const GRACE_MS = 10_000;
/** The same when the network has just changed, and the person is waiting. */
const CHECK_MS = 3000;

export interface Receiver {
  opened(): void;
  /** All objects of one frame. */
  received(frames: readonly ServerFrame[]): void;
  /** Once, whoever ended it. */
  lost(how: Lost): void;
}

export class Connection {
  /** Seconds of silence after which the server is asked for a sign of life; `welcome` says. */
  heartbeat = 25;
  private socket: SocketLike | null;
  private cancel: () => void;
  private checking = false;
  private farewell: Lost | null = null;
  private readonly time: Time;
  private readonly receiver: Receiver;
  private readonly ping: () => Command;

  constructor(url: string, Socket: SocketClass, time: Time, ping: () => Command, receiver: Receiver) {
    this.time = time;
    this.ping = ping;
    this.receiver = receiver;
    const socket = new Socket(url, SUBPROTOCOL);
    this.socket = socket;
    this.cancel = time.after(OPEN_MS, () => this.end({ code: 1006, retryAfter: null }));
    socket.onopen = () => receiver.opened();
    socket.onmessage = ({ data }) => this.read(data);
    socket.onclose = ({ code }) => this.end({ code, retryAfter: null });
    socket.onerror = () => undefined; // `close` follows
  }

  get open(): boolean {
    return this.socket !== null && this.socket.readyState === 1;
  }

  /** Returns false when there is nobody to send to. */
  send(command: Command): boolean {
    if (!this.open) return false;
    (this.socket as SocketLike).send(JSON.stringify(command));
    return true;
  }

  /** End it from this side; `lost` is not called. */
  close(): void {
    const socket = this.release();
    socket?.close(1000);
  }

  /** The network may have changed: if the socket does not answer soon, it is dead. */
  check(): void {
    if (!this.open || this.checking) return;
    this.checking = true;
    this.send(this.ping());
    this.expect(CHECK_MS);
  }

  private read(data: unknown): void {
    this.checking = false;
    this.cancel();
    this.cancel = this.time.after(this.heartbeat * 1000, () => {
      this.send(this.ping());
      this.expect(GRACE_MS);
    });
    if (typeof data !== "string") return;
    const frames = data.split("\n").map((line) => JSON.parse(line) as ServerFrame);
    for (const frame of frames) {
      if (frame.type === "bye") this.farewell = { code: frame.code, retryAfter: frame.retry_after ?? null };
    }
    this.receiver.received(frames);
  }

  private expect(ms: number): void {
    this.cancel();
    this.cancel = this.time.after(ms, () => this.end({ code: 1006, retryAfter: null }));
  }

  private end(how: Lost): void {
    const socket = this.release();
    if (socket === null) return;
    socket.close();
    // Proxies and libraries may lose the code of the close; `bye` came before it.
    this.receiver.lost(this.farewell ?? how);
  }

  private release(): SocketLike | null {
    const { socket } = this;
    this.cancel();
    this.socket = null;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
    }
    return socket;
  }
}
