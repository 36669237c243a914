/** A clock that moves when told, and sockets whose other end is the test. */
import type { Command, ServerFrame, Welcome } from "../frames.ts";
import type { SocketLike, Time } from "../platform.ts";
import { ME } from "./world.ts";

export class ManualTime implements Time {
  chance = 0.5;
  private ms = Date.parse("2026-01-01T00:00:00Z");
  private timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.ms + ms, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Lets `ms` pass; what falls due runs in order, each with what it promised. */
  async pass(ms: number): Promise<void> {
    const until = this.ms + ms;
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.ms = Math.max(this.ms, due.at);
      due.callback();
      await settled();
    }
    this.ms = until;
    await settled();
  }
}

/** The other ends of all sockets that were opened, in order. */
export class Sockets {
  readonly opened: FakeSocket[] = [];
  readonly Class: new (
    url: string,
    protocol: string,
  ) => SocketLike;

  constructor() {
    const { opened } = this;
    this.Class = class extends FakeSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        opened.push(this);
      }
    };
  }

  get last(): FakeSocket {
    return this.opened.at(-1) as FakeSocket;
  }
}

export class FakeSocket implements SocketLike {
  readyState = 0;
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  readonly sent: Command[] = [];
  readonly url: string;
  readonly protocol: string;

  constructor(url: string, protocol: string) {
    this.url = url;
    this.protocol = protocol;
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(): void {
    this.readyState = 3;
  }

  // --- the server's side ---

  open(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  /** All of them in one frame. */
  async say(...frames: readonly ServerFrame[]): Promise<void> {
    this.onmessage?.({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") });
    await settled();
  }

  /** `welcome` to its `hello`, the rooms' changes, and `ready`. */
  async welcome(changes: readonly ServerFrame[] = [], more: Partial<Welcome> = {}): Promise<void> {
    if (this.readyState === 0) this.open();
    const re = this.command("hello").id;
    await this.say({ type: "welcome", re, epoch: "e", conn: "c", user: ME, rooms: [], ...more }, ...changes, {
      type: "ready",
    });
  }

  async drop(code = 1006): Promise<void> {
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
    await settled();
  }

  all<T extends Command["type"]>(type: T): Extract<Command, { type: T }>[] {
    return this.sent.filter((command): command is Extract<Command, { type: T }> => command.type === type);
  }

  command<T extends Command["type"]>(type: T): Extract<Command, { type: T }> {
    const last = this.all(type).at(-1);
    if (last === undefined) throw new Error(`no ${type} among ${this.sent.map((sent) => sent.type)}`);
    return last;
  }
}

/** Everything that promises have set off is done. */
export async function settled(): Promise<void> {
  for (let round = 0; round < 20; round++) await Promise.resolve();
}
