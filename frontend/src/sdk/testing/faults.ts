/** A client on a bad line: what the server says reaches it late, twice, in another order, or not at all. */
import type { Action } from "../actions.ts";
import type { ServerFrame } from "../frames.ts";
import { INITIAL, reduce } from "../reduce.ts";
import type { Room, State } from "../state.ts";
import { changesAt, pageAt, ROOM, type World, welcomeAt } from "./world.ts";

const PAGE = 3;

export class BadLine {
  state: State;
  /** Where in the world's log the process is that this client is connected to. */
  private at = 0;
  private wire: Action[] = [];
  private readonly world: World;
  private readonly check: (before: State, after: State) => void;

  constructor(world: World, check: (before: State, after: State) => void) {
    this.world = world;
    this.check = check;
    this.state = reduce(INITIAL, { type: "local.join", room: ROOM }, 0);
  }

  get room(): Room {
    return this.state.rooms[ROOM] as Room;
  }

  /** The process takes note of up to `count` events, and sends them. */
  advance(count: number): void {
    for (; count > 0 && this.at < this.world.log.length; count--)
      this.wire.push(this.world.log[this.at++] as ServerFrame);
  }

  /** The client receives up to `count` objects. */
  deliver(count: number): void {
    for (; count > 0 && this.wire.length > 0; count--) {
      this.apply(this.wire.shift() as Action);
      this.heal();
    }
  }

  drop(pick: number): void {
    const index = this.anEvent(pick);
    if (index !== null) this.wire.splice(index, 1);
  }

  double(pick: number, distance: number): void {
    const index = this.anEvent(pick);
    if (index !== null) this.wire.splice(index + 1 + distance, 0, this.wire[index] as Action);
  }

  swap(pick: number): void {
    const index = this.anEvent(pick);
    const next = index === null ? undefined : this.wire[index + 1];
    if (index === null || next === undefined || !isEvent(next)) return;
    this.wire.splice(index, 2, next, this.wire[index] as Action);
  }

  /** The socket breaks; the next process may be behind by `lag` events. */
  reconnect(lag: number): void {
    this.wire = [];
    this.apply({ type: "local.lost" });
    this.at = Math.max(0, this.world.log.length - lag);
    const moment = this.moment();
    const { rev } = this.room;
    this.apply({ type: "local.hello", rooms: [ROOM] });
    this.wire.push(welcomeAt(moment), changesAt(moment, rev), { type: "ready" });
  }

  loadOlder(): void {
    const { from, loading, rev } = this.room;
    if (from === 0 || loading || rev === null) return;
    this.apply({ type: "local.history", room: ROOM });
    const page = pageAt(this.moment(), from, PAGE);
    this.wire.push({ type: "local.page", room: ROOM, before: from, ...page });
  }

  trim(keep: number): void {
    this.apply({ type: "local.trim", room: ROOM, keep });
  }

  private heal(): void {
    if (!this.state.gaps.includes(ROOM)) return;
    this.apply({ type: "local.sync", room: ROOM, sync: "asked" });
    this.wire.push(changesAt(this.moment(), this.room.rev));
  }

  private apply(action: Action): void {
    const before = this.state;
    this.state = reduce(before, action, 0);
    this.check(before, this.state);
  }

  private moment() {
    return this.world.moments[this.at] ?? this.world.now;
  }

  /** Events are what faults hit; answers to requests come, or the socket breaks. */
  private anEvent(pick: number): number | null {
    const events = this.wire.flatMap((action, index) => (isEvent(action) ? [index] : []));
    return events[pick % Math.max(1, events.length)] ?? null;
  }
}

function isEvent(action: Action): boolean {
  return /^(message|room\.updated|answer\.|room\.you)/.test(action.type);
}
