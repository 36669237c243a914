import { describe, expect, it } from "vitest";
import type { Message, Room } from "../sdk/index.ts";
import { newsIn } from "./news.ts";

const ME = "me";

function message(seq: number, status: Message["status"] = "complete", author = "assistant"): Message {
  return {
    id: `m${seq}`,
    seq,
    rev: seq,
    author: { id: author, name: author, kind: author === ME ? "visitor" : "assistant" },
    text: `text ${seq}`,
    status,
    created: "2026-01-01T00:00:00Z",
  };
}

const room = (messages: Message[], rev: number | null = 9) => ({ id: "r", rev, messages }) as unknown as Room;
const ids = (before: Room | undefined, after: Room) => newsIn(before, after, ME).map(({ id }) => id);

describe("newsIn", () => {
  it("is what others said, when it is whole", () => {
    const before = room([message(1)]);
    expect(ids(before, room([message(1), message(2, "complete", ME), message(3, "pending"), message(4)]))).toEqual([
      "m4",
    ]);
  });

  it.each(["complete", "stopped", "failed"] as const)("is an answer that ended as %s", (status) => {
    expect(ids(room([message(1, "pending")]), room([message(1, status)]))).toEqual(["m1"]);
  });

  it("is nothing when an old message changes, or is deleted", () => {
    const before = room([message(1), message(2, "pending")]);
    expect(ids(before, room([{ ...message(1), text: "edited" }, message(2, "deleted")]))).toEqual([]);
  });

  it("is nothing when a room is loaded, or older messages are", () => {
    expect(ids(undefined, room([message(1)]))).toEqual([]);
    expect(ids(room([], null), room([message(1)]))).toEqual([]);
    expect(ids(room([message(5)]), room([message(1), message(5)]))).toEqual([]);
  });
});
