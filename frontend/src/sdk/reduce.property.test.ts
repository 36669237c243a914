/** Random histories over bad lines: whatever was lost, doubled or reordered, the client ends with what the server has. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { piecesSince } from "./selectors.ts";
import type { Message, State } from "./state.ts";
import { BadLine } from "./testing/faults.ts";
import { countUnread, ROOM, World } from "./testing/world.ts";

const HISTORIES = 3000;

const pick = fc.nat(30);
const piece = fc.constantFrom("a", "b ", "中", "🙂", "**", "\n", "");
const happening = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("say"), author: fc.constantFrom("me", "other"), text: fc.string() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("ask"), text: fc.string() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("edit"), pick, text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove"), pick }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("write"), pick, pieces: fc.array(piece, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("supersede"), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("end"), pick, status: fc.constantFrom("complete", "stopped", "failed") }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("retry"), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rename"), text: fc.string() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("readTo"), pick }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("advance"), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver"), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop"), pick }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("double"), pick, distance: fc.nat(15) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("swap"), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reconnect"), lag: fc.nat(12) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("loadOlder") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("trim"), keep: fc.integer({ min: 1, max: 6 }) }) },
);
type Happening = Record<"do" | "text" | "author" | "status", string> &
  Record<"pick" | "count" | "distance" | "lag" | "keep", number> & { pieces: string[] };

function happen(world: World, line: BadLine, what: Happening): void {
  switch (what.do) {
    case "say":
      return world.say(what.author as "me", what.text);
    case "ask":
      return world.ask(what.text);
    case "edit":
      return world.edit(what.pick, what.text);
    case "remove":
      return world.remove(what.pick);
    case "write":
      return world.write(what.pick, what.pieces);
    case "supersede":
      return world.supersede(what.pick);
    case "end":
      return world.end(what.pick, what.status as "complete");
    case "retry":
      return world.retry(what.pick);
    case "rename":
      return world.rename(what.text);
    case "readTo":
      return world.readTo(what.pick);
    case "advance":
      return line.advance(what.count);
    case "deliver":
      return line.deliver(what.count);
    case "drop":
      return line.drop(what.pick);
    case "double":
      return line.double(what.pick, what.distance);
    case "swap":
      return line.swap(what.pick);
    case "reconnect":
      return line.reconnect(what.lag);
    case "loadOlder":
      return line.loadOlder();
    case "trim":
      return line.trim(what.keep);
    default:
      throw new Error(what.do);
  }
}

/** True after every step, however bad the line: a live text is a beginning of what was written, and nothing is missing. */
function alwaysTrue(world: World, before: State, after: State): void {
  const room = after.rooms[ROOM];
  if (room === undefined) return;
  for (const [id, answer] of Object.entries(room.answers)) {
    const written = world.written.get(`${id}/${answer.attempt}`) ?? [];
    expect(answer.text).toBe(written.slice(0, answer.n).join(""));
    const message = room.messages.find((stored) => stored.id === id);
    if (message !== undefined && message.status !== "pending")
      expect(answer.attempt).toBeGreaterThan(message.attempt ?? 0);
    const shown = before.rooms[ROOM]?.answers[id];
    if (shown === undefined || shown.attempt !== answer.attempt) continue;
    const pieces = piecesSince(answer, shown.text.length);
    if (pieces !== null) expect(shown.text + pieces.join("")).toBe(answer.text);
  }
  const seqs = room.messages.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other));
  if (room.rev === null) return;
  const { from, rev: position } = room;
  // What changed after the position may still be on its way, as a part of a change that takes several objects.
  const due = [...world.now.messages.values()].filter(({ seq, rev }) => seq >= from && rev <= position);
  expect(seqs).toEqual(expect.arrayContaining(due.map(({ seq }) => seq)));
}

/** What the client holds is what the server has. */
function equalsServer(world: World, line: BadLine, { welcomed = false } = {}): void {
  const { room } = line;
  const { messages, live, meta, rev } = world.now;
  const theirs = [...messages.values()].filter(({ seq }) => seq >= room.from).sort((one, other) => one.seq - other.seq);
  expect(room.messages).toEqual(theirs);
  expect(room.rev).toBe(rev);
  expect(room.meta).toEqual(meta);
  expect(room.sync).toBe("none");
  const texts = Object.entries(room.answers).map(([id, { attempt, n, text }]) => [id, attempt, n, text]);
  const written = [...live].map(([id, { attempt, pieces }]) => [id, attempt, pieces.length, pieces.join("")]);
  expect(texts.filter(([, , n]) => n).sort()).toEqual(written.filter(([, , n]) => n).sort());
  const { unread = 0, read = 0 } = room.entry ?? {};
  // After a reset on the same socket, what lies before the loaded messages is not counted until the next welcome.
  if (welcomed || room.from <= read + 1) expect(unread).toBe(countUnread(world.now));
  else expect(unread).toBeLessThanOrEqual(countUnread(world.now));
}

describe("every history over every line ends in the server's state", () => {
  test(`${HISTORIES} random histories, with sockets that break`, () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 5, maxLength: 120 }), (happenings) => {
        const world = new World();
        const line = new BadLine(world, (before, after) => alwaysTrue(world, before, after));
        line.reconnect(0);
        for (const what of happenings) happen(world, line, what as Happening);
        line.reconnect(0);
        line.deliver(Number.POSITIVE_INFINITY);
        equalsServer(world, line, { welcomed: true });
      }),
      { numRuns: HISTORIES },
    );
  });

  test(`${HISTORIES} random histories on one socket: the next event is enough to heal`, () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 5, maxLength: 120 }), (happenings) => {
        const world = new World();
        const line = new BadLine(world, (before, after) => alwaysTrue(world, before, after));
        line.reconnect(0);
        line.deliver(Number.POSITIVE_INFINITY);
        for (const what of happenings)
          if (what.do !== "reconnect" && what.do !== "readTo") happen(world, line, what as Happening);
        for (let index = world.now.live.size; index > 0; index--) world.end(0, "complete");
        line.advance(Number.POSITIVE_INFINITY);
        line.deliver(Number.POSITIVE_INFINITY);
        world.say("other", "the next event");
        line.advance(Number.POSITIVE_INFINITY);
        line.deliver(Number.POSITIVE_INFINITY);
        equalsServer(world, line);
      }),
      { numRuns: HISTORIES },
    );
  });

  test("history loaded to its beginning is the whole room", () => {
    fc.assert(
      fc.property(fc.array(happening, { minLength: 5, maxLength: 60 }), (happenings) => {
        const world = new World();
        const line = new BadLine(world, (before, after) => alwaysTrue(world, before, after));
        for (const what of happenings) happen(world, line, what as Happening);
        line.reconnect(0);
        line.deliver(Number.POSITIVE_INFINITY);
        while (line.room.from > 0) {
          line.loadOlder();
          line.deliver(Number.POSITIVE_INFINITY);
        }
        const all: Message[] = [...world.now.messages.values()].sort((one, other) => one.seq - other.seq);
        expect(line.room.messages).toEqual(all);
      }),
      { numRuns: 300 },
    );
  });
});
