import { describe, expect, it } from "vitest";
import { linkedMessage, parseRoute, pathOf } from "./route.ts";

const ROOM = "01932b5e-0000-7000-8000-000000000001";

describe("routes", () => {
  it.each(["/app/", "/chat/app/"])("below %s are read as they are written", (base) => {
    for (const room of [null, ROOM]) expect(parseRoute(pathOf({ room }, base), base)).toEqual({ room });
  });

  it("that are unknown lead to the list", () => {
    expect(parseRoute("/app/r/../x", "/app/")).toEqual({ room: null });
    expect(parseRoute("/elsewhere", "/app/")).toEqual({ room: null });
  });

  it("name a message behind their #", () => {
    expect([linkedMessage(`#${ROOM}`), linkedMessage("#messages"), linkedMessage("")]).toEqual([ROOM, null, null]);
  });
});
