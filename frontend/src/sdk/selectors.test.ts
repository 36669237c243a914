import { describe, expect, it } from "vitest";
import { INITIAL, reduce } from "./reduce.ts";
import { roomsByActivity } from "./selectors.ts";
import type { Message, State } from "./state.ts";

/** A UUID of version 7 of that time. */
function id(time: string): string {
  const ms = Date.parse(time).toString(16).padStart(12, "0");
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-000000000001`;
}

function withRoom(state: State, made: string, said: string | null): State {
  const author = { id: "ann", name: "Ann", kind: "user" } as const;
  const last: Message | null = said
    ? { id: id(said), seq: 1, rev: 1, author, text: "", status: "complete", created: said }
    : null;
  const room = { room: id(made), rev: 1, title: made, kind: "group", last } as const;
  return reduce(state, { type: "room.added", room }, 0);
}

describe("roomsByActivity", () => {
  it("puts a room without messages where it was made", () => {
    let state = withRoom(INITIAL, "2026-03-01T10:00:00.000Z", "2026-03-05T10:00:00.000Z");
    state = withRoom(state, "2026-03-04T10:00:00.000Z", null);
    state = withRoom(state, "2026-03-02T10:00:00.000Z", "2026-03-03T10:00:00.000Z");
    expect(roomsByActivity(state).map(({ entry }) => entry?.title.slice(0, 10))).toEqual([
      "2026-03-01",
      "2026-03-04",
      "2026-03-02",
    ]);
  });
});
