import { describe, expect, it } from "vitest";
import type { DocumentRecord } from "../types.ts";
import { appended, grouped, isUnfinished, type ListState, NOTHING, refreshed, told, without } from "./list.ts";

function record(id: string, more: Partial<DocumentRecord> = {}): DocumentRecord {
  const times = { created: "2026-01-01T00:00:00Z", updated: "2026-01-01T00:00:00Z" };
  const nothing = { url: null, error: null, parent: null, source: null, owner: null };
  const counts = { size: 1, done: 0, total: 0 };
  const type = { title: id, origin: id, media_type: "text/plain" };
  return { id, collection: "c", status: "ready", ...type, ...counts, ...nothing, ...times, ...more };
}

const ids = ({ documents }: ListState) => documents.map(({ id }) => id);
const listed = (...names: string[]): ListState => ({
  documents: names.map((name) => record(name)),
  more: true,
  loaded: true,
});

describe("pages", () => {
  it("are appended once each", () => {
    const page = { documents: [record("b"), record("a")], more: false };
    expect(ids(appended(listed("c", "b"), page))).toEqual(["c", "b", "a"]);
  });

  it("replace the newest and leave what is older", () => {
    const before = listed("d", "c", "b", "a");
    const now = refreshed(before, { documents: [record("e"), record("c")], more: true });
    expect(ids(now)).toEqual(["e", "c", "b", "a"]);
    expect(now.more).toBe(true);
  });

  it("without more behind them are all there is", () => {
    const now = refreshed(listed("b", "a"), { documents: [record("b")], more: false });
    expect([ids(now), now.more]).toEqual([["b"], false]);
    expect(ids(refreshed(listed("a"), { documents: [], more: false }))).toEqual([]);
  });

  it("keep the identity of what has not changed", () => {
    const before = listed("b", "a");
    const page = { documents: [record("b", { status: "failed" }), record("a")], more: false };
    const now = refreshed(before, page);
    expect(now.documents[0]).not.toBe(before.documents[0]);
    expect(now.documents[1]).toBe(before.documents[1]);
  });
});

describe("news", () => {
  const news = { id: "a", collection: "c", title: "A", status: "embedding", error: null, done: 3, total: 9 } as const;

  it("change what is listed", () => {
    const [first] = told(listed("a"), news).documents;
    expect(first).toMatchObject({ title: "A", status: "embedding", done: 3, total: 9, size: 1 });
  });

  it("of others change nothing", () => {
    expect(told(listed("b"), news)).toEqual(listed("b"));
    expect(told(NOTHING, news)).toEqual(NOTHING);
  });

  it("of a deletion take it away, with what was in it", () => {
    const state = { ...listed("b", "a"), documents: [record("b", { parent: "a" }), record("a"), record("x")] };
    expect(ids(told(state, { ...news, status: "deleted" }))).toEqual(["x"]);
    expect(ids(without(state, "b"))).toEqual(["a", "x"]);
  });
});

it("what is underway is unfinished", () => {
  const unfinished = (["queued", "parsing", "embedding", "ready", "failed"] as const).filter((status) =>
    isUnfinished({ status }),
  );
  expect(unfinished).toEqual(["queued", "parsing", "embedding"]);
});

it("archives stand with what was in them", () => {
  const documents = [
    record("e"),
    record("d", { parent: "b" }),
    record("c", { parent: "b" }),
    record("b"),
    record("a", { parent: "elsewhere" }),
  ];
  const shape = grouped(documents).map(({ document, members }) => [document.id, members.map(({ id }) => id)]);
  expect(shape).toEqual([
    ["e", []],
    ["b", ["d", "c"]],
    ["a", []],
  ]);
});
