import { describe, expect, it } from "vitest";
import { Reading } from "./announce.ts";

describe("Reading", () => {
  it("gives whole sentences, and each once", () => {
    const reading = new Reading();
    const text = "We open at nine. On Sundays at ten. Wel";
    const said = [...text].map((_, at) => reading.next(text.slice(0, at + 1), 1, false)).filter(Boolean);
    expect(said).toEqual(["We open at nine.", "On Sundays at ten."]);
    expect(reading.next(`${text}come`, 1, true)).toBe("Welcome");
  });

  it("does not take a point in a number for an end", () => {
    expect(new Reading().next("Version 1.5 is", 1, false)).toBe("");
  });

  it("knows the ends of Chinese sentences", () => {
    expect(new Reading().next("九点开门。周日", 1, false)).toBe("九点开门。");
  });

  it("begins again with another attempt", () => {
    const reading = new Reading();
    expect(reading.next("One. ", 1, false)).toBe("One.");
    expect(reading.next("Two. ", 2, false)).toBe("Two.");
  });
});
