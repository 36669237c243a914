import { describe, expect, it } from "vitest";
import { type Candidate, completed, matching, mentionAt } from "./mentions.ts";

const candidate = (name: string, kind: Candidate["kind"] = "user", handle = name): Candidate => ({
  id: name,
  name,
  handle,
  kind,
});
const people = [
  candidate("Ann Weber"),
  candidate("Bo"),
  candidate("Helper", "assistant", "assistant"),
  candidate("陈美"),
];

describe("mentionAt", () => {
  it.each([
    ["@", 1, { start: 0, query: "" }],
    ["Hi @an", 6, { start: 3, query: "an" }],
    ["Hi @Ann We", 10, { start: 3, query: "Ann We" }],
    ["请@助", 3, { start: 1, query: "助" }],
    ["Hi @an there", 6, { start: 3, query: "an" }],
    ["ann@example.com", 15, null],
    ["no mention", 10, null],
    ["a\n@b", 4, { start: 2, query: "b" }],
  ])("in %j at %d", (text, caret, found) => {
    expect(mentionAt(text, caret)).toEqual(found);
  });
});

describe("matching", () => {
  const names = (query: string) => matching(people, query).map(({ name }) => name);

  it("offers all, the assistant first", () => {
    expect(names("")).toEqual(["Helper", "Ann Weber", "Bo", "陈美"]);
  });

  it("looks at the beginnings of words, of names and of handles", () => {
    expect(names("we")).toEqual(["Ann Weber"]);
    expect(names("ASSIS")).toEqual(["Helper"]);
    expect(names("陈")).toEqual(["陈美"]);
    expect(names("eber")).toEqual([]);
  });
});

describe("completed", () => {
  it("puts the mention in place of what was typed, with a space behind it", () => {
    expect(completed("Hi @an", 3, 6, "Ann Weber")).toEqual({ text: "Hi @Ann Weber ", caret: 14 });
    expect(completed("Hi @an you", 3, 6, "Ann")).toEqual({ text: "Hi @Ann you", caret: 7 });
  });
});
