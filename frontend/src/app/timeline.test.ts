import { describe, expect, it } from "vitest";
import type { Member, Message, Outgoing } from "../sdk/index.ts";
import { lastAtOrBelow, newSince, type Row, type TimelineInput, timelineRows } from "./timeline.ts";

const ANN = { id: "ann", name: "Ann", kind: "user" } as const;
const BO = { id: "bo", name: "Bo", kind: "user" } as const;
const ASSISTANT = { id: "assistant", name: "Assistant", kind: "assistant" } as const;

function message(seq: number, more: Partial<Message> = {}): Message {
  const created = new Date(2026, 2, 3, 10, seq).toISOString();
  return { id: `m${seq}`, seq, rev: seq, author: ANN, text: `text ${seq}`, status: "complete", created, ...more };
}

function outgoing(more: Partial<Outgoing> = {}): Outgoing {
  const created = new Date(2026, 2, 3, 10, 9).toISOString();
  return {
    cid: "c9",
    room: "r",
    text: "",
    reply_to: null,
    ask: null,
    created,
    status: "queued",
    error: null,
    seq: null,
    ...more,
  };
}

function rows(input: Partial<TimelineInput>): Row[] {
  return timelineRows({ messages: [], from: 0, outgoing: [], me: "ann", unread: null, members: [], ...input });
}

describe("groups", () => {
  it("puts messages of one author that follow closely under one name", () => {
    const found = rows({ messages: [message(1), message(2), message(3, { author: BO }), message(4), message(30)] });
    expect(found.map(({ grouped }) => grouped)).toEqual([false, true, false, false, false]);
  });

  it("begins anew with replies and answers", () => {
    const messages = [message(1), message(2, { reply_to: "m1" }), message(3), message(4, { author: ASSISTANT })];
    expect(rows({ messages }).map(({ grouped }) => grouped)).toEqual([false, false, false, false]);
  });

  it("continues with what is on its way", () => {
    const found = rows({ messages: [message(8)], outgoing: [outgoing(), outgoing({ cid: "c10", reply_to: "m8" })] });
    expect(found.map(({ grouped }) => grouped)).toEqual([false, true, false]);
  });
});

describe("days", () => {
  it("stand above the first message of each", () => {
    const created = new Date(2026, 2, 4, 0, 1).toISOString();
    const found = rows({ messages: [message(1), message(2), message(3, { created })] });
    expect(found.map(({ day }) => day?.getDate() ?? null)).toEqual([3, null, 4]);
  });
});

describe("the line above what is new", () => {
  const messages = [
    message(1),
    message(2),
    message(3, { author: BO }),
    message(4, { author: BO }),
    message(5, { author: BO }),
  ];
  const fresh = (after: number, upTo: number) =>
    rows({ messages, unread: { after, upTo } }).flatMap((row) => (row.fresh ? [row.key] : []));

  it("stands above the first of others, once", () => {
    expect(fresh(0, 5)).toEqual(["m3"]);
    expect(fresh(3, 5)).toEqual(["m4"]);
  });

  it("is not drawn for what came after the room was opened", () => {
    expect(fresh(2, 2)).toEqual([]);
    expect(fresh(5, 9)).toEqual([]);
  });

  it("is not drawn before its place is loaded", () => {
    const loaded = { messages: messages.slice(2), unread: { after: 1, upTo: 5 } };
    expect(rows({ ...loaded, from: 3 }).some((row) => row.fresh)).toBe(false);
    expect(rows({ ...loaded, from: 2 }).some((row) => row.fresh)).toBe(true);
  });

  it("ends a group", () => {
    const found = rows({ messages, unread: { after: 3, upTo: 5 } });
    expect(found.map(({ grouped }) => grouped)).toEqual([false, true, false, false, true]);
  });
});

describe("keys", () => {
  it("stay the same when an outgoing message becomes a stored one", () => {
    const [before] = rows({ outgoing: [outgoing({ cid: "c1" })] });
    const [after] = rows({ messages: [message(1, { cid: "c1" })] });
    expect(after?.key).toBe(before?.key);
  });

  it("of others are not taken from their cid, which may be the same", () => {
    const found = rows({ messages: [message(1, { cid: "c" }), message(2, { cid: "c", author: BO })] });
    expect(new Set(found.map(({ key }) => key)).size).toBe(2);
  });
});

describe("read marks", () => {
  const member = (id: string, read: number): Member => ({ id, name: id, kind: "user", role: "member", read });

  it("stand where each member has come to, without oneself and without one's own message", () => {
    const messages = [message(1), message(4), message(6, { author: BO })];
    const found = rows({ messages, members: [member("ann", 6), member("bo", 6), member("cy", 5), member("di", 0)] });
    const readers = found.map((row) => (row.kind === "message" ? row.readers.map(({ id }) => id) : []));
    expect(readers).toEqual([[], ["cy"], []]);
  });
});

describe("searching by seq", () => {
  const messages = [message(2), message(4), message(9)];

  it.each([
    [1, -1],
    [2, 0],
    [8, 1],
    [9, 2],
    [99, 2],
  ])("the last at or below %d is at %d", (seq, index) => {
    expect(lastAtOrBelow(messages, seq)).toBe(index);
  });

  it("counts what others wrote since", () => {
    const mixed = [message(1), message(2, { author: BO }), message(3), message(4, { author: BO, status: "deleted" })];
    expect(newSince(mixed, 0, "ann")).toBe(1);
    expect(newSince(mixed, 2, "ann")).toBe(0);
  });
});
