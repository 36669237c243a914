import { beforeEach, describe, expect, it } from "vitest";
import { Drafts, EMPTY } from "./drafts.ts";

class Store {
  readonly kept = new Map<string, string>();
  full = false;
  getItem(key: string) {
    return this.kept.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(key, value);
  }
  removeItem(key: string) {
    this.kept.delete(key);
  }
}

describe("drafts", () => {
  let store: Store;
  beforeEach(() => {
    store = new Store();
  });

  it("are there again after a reload, per room", () => {
    new Drafts(store).set("r1", { text: "half a", replyTo: "m1" });
    const later = new Drafts(store);
    expect(later.get("r1")).toEqual({ text: "half a", replyTo: "m1" });
    expect(later.get("r2")).toEqual(EMPTY);
  });

  it("leave nothing behind once they are empty", () => {
    const drafts = new Drafts(store);
    drafts.set("r1", { text: "x", replyTo: null });
    drafts.set("r1", EMPTY);
    expect(store.kept.size).toBe(0);
  });

  it("live on in the page when storage is full, forbidden or broken", () => {
    store.full = true;
    for (const drafts of [new Drafts(store), new Drafts(null)]) {
      drafts.set("r1", { text: "x", replyTo: null });
      expect(drafts.get("r1").text).toBe("x");
    }
    store.kept.set("chatserver:draft:r2", "{");
    expect(new Drafts(store).get("r2")).toEqual(EMPTY);
  });
});
