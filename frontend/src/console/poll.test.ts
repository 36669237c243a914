import { expect, it } from "vitest";
import { FIRST_MS, nextWait } from "./poll.ts";

it("waits grow while nothing changes, up to a limit, and start anew with a change", () => {
  const waits = [FIRST_MS];
  for (let n = 0; n < 20; n++) waits.push(nextWait(waits.at(-1) ?? 0, false));
  expect(waits.slice(0, 3)).toEqual([2000, 3000, 4500]);
  expect(waits.at(-1)).toBe(30_000);
  expect(nextWait(30_000, true)).toBe(FIRST_MS);
});
