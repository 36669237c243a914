/** Small signs to the others that may be late, but not many: who types, and what was read. */
import type { ChatError } from "./errors.ts";
import type { Ok } from "./frames.ts";
import type { Request } from "./link.ts";
import type { Time } from "./platform.ts";
import type { RoomId } from "./state.ts";

type Send = (command: Request) => Promise<Ok>;

/** The server takes one per 2 s. */
const TYPING_EVERY_MS = 3000;
const TYPING_ENDS_MS = 5000;
const READ_AFTER_MS = 300;

export class TypingSigns {
  private readonly send: Send;
  private readonly time: Time;
  private readonly latest = new Map<RoomId, { sent: number; cancel: () => void }>();

  constructor(send: Send, time: Time) {
    this.send = send;
    this.time = time;
  }

  /** A key was pressed. */
  sign(room: RoomId): void {
    const known = this.latest.get(room);
    known?.cancel();
    const now = this.time.now();
    const due = known === undefined || now - known.sent >= TYPING_EVERY_MS;
    if (due) this.say(room, true);
    const cancel = this.time.after(TYPING_ENDS_MS, () => {
      this.latest.delete(room);
      this.say(room, false);
    });
    this.latest.set(room, { sent: due ? now : known.sent, cancel });
  }

  /** The message was sent, which says enough. */
  end(room: RoomId): void {
    this.latest.get(room)?.cancel();
    this.latest.delete(room);
  }

  private say(room: RoomId, on: boolean): void {
    this.send({ type: "room.typing", room, on }).catch(() => undefined);
  }
}

export class ReadMarks {
  private readonly send: Send;
  private readonly time: Time;
  private readonly unsent = new Map<RoomId, number>();
  private waiting = false;

  constructor(send: Send, time: Time) {
    this.send = send;
    this.time = time;
  }

  /** Sent a moment later, and with a later connection when there is none. */
  mark(room: RoomId, seq: number): void {
    this.unsent.set(room, Math.max(seq, this.unsent.get(room) ?? 0));
    if (this.waiting) return;
    this.waiting = true;
    this.time.after(READ_AFTER_MS, () => {
      this.waiting = false;
      this.flush();
    });
  }

  flush(): void {
    for (const [room, seq] of this.unsent) {
      const done = () => {
        if (this.unsent.get(room) === seq) this.unsent.delete(room);
      };
      const keep = new Set<string>(["lost", "offline", "unavailable", "rate_limited"]);
      this.send({ type: "room.read", room, seq }).then(done, ({ code }: ChatError) => keep.has(code) || done());
    }
  }
}
