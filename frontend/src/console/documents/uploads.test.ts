import { describe, expect, it } from "vitest";
import type { Registered } from "../types.ts";
import { AT_ONCE, QUEUE_MAX, type Sendable, tally, UploadQueue } from "./uploads.ts";

const DONE: Registered = { id: "d", status: "queued" };

/** A queue whose transfers the test ends by hand. */
function queueOf(names: readonly string[]) {
  const open = new Map<string, { resolve(value: Registered): void; reject(error: unknown): void }>();
  const signals = new Map<string, AbortSignal>();
  const queue = new UploadQueue<Sendable>(({ file }, sent, signal) => {
    sent(file.size / 2);
    signals.set(file.name, signal);
    return new Promise((resolve, reject) => {
      open.set(file.name, { resolve, reject });
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  queue.add(
    names.map((name) => ({ name, size: 100 })),
    "c",
  );
  const settle = async (name: string, error?: unknown) => {
    const transfer = open.get(name);
    if (error) transfer?.reject(error);
    else transfer?.resolve(DONE);
    await Promise.resolve().then(() => {});
    await Promise.resolve().then(() => {});
  };
  const states = () => Object.fromEntries(queue.uploads.map(({ file, status }) => [file.name, status]));
  return { queue, settle, states, open, signals };
}

describe("the queue", () => {
  it("sends a few at a time, in order", async () => {
    const { open, settle, states } = queueOf(["a", "b", "c", "d"]);
    expect([...open.keys()]).toEqual(["a", "b", "c"].slice(0, AT_ONCE));
    expect(states()).toMatchObject({ a: "sending", d: "waiting" });
    await settle("b");
    expect(states()).toEqual({ a: "sending", b: "received", c: "sending", d: "sending" });
  });

  it("keeps why one failed, and tries it again when told to", async () => {
    const { queue, settle, states } = queueOf(["a"]);
    const error = new Error("too large");
    await settle("a", error);
    expect(queue.uploads[0]).toMatchObject({ status: "failed", error });
    queue.retry(queue.uploads[0]?.key ?? 0);
    expect(queue.uploads[0]).toMatchObject({ status: "sending", error: null });
    await settle("a");
    expect(states()).toEqual({ a: "received" });
  });

  it("breaks off what is dropped, and goes on with the next", async () => {
    const { queue, signals, settle, states } = queueOf(["a", "b", "c", "d"]);
    queue.drop(queue.uploads[0]?.key ?? 0);
    expect(signals.get("a")?.aborted).toBe(true);
    await settle("none");
    expect(states()).toEqual({ b: "sending", c: "sending", d: "sending" });
  });

  it("takes no more than it has place for", () => {
    const { queue } = queueOf([]);
    const many = Array.from({ length: QUEUE_MAX + 5 }, (_, n) => ({ name: String(n), size: 1 }));
    expect(queue.add(many, "")).toBe(QUEUE_MAX);
    expect(queue.add(many, "")).toBe(0);
    expect(queue.uploads).toHaveLength(QUEUE_MAX);
  });

  it("tells of each change, until told to stop", async () => {
    const { queue, settle } = queueOf(["a"]);
    let heard = 0;
    const leave = queue.subscribe(() => heard++);
    await settle("a");
    expect(heard).toBeGreaterThan(0);
    leave();
    const before = heard;
    queue.clear();
    expect(heard).toBe(before);
    expect(queue.uploads).toEqual([]);
  });

  it("stops all at once", async () => {
    const { queue, signals } = queueOf(["a", "b"]);
    queue.stop();
    expect([...signals.values()].every(({ aborted }) => aborted)).toBe(true);
    expect(queue.uploads).toEqual([]);
  });
});

it("a tally counts bytes of what is still to come", async () => {
  const { queue, settle } = queueOf(["a", "b", "c", "d"]);
  await settle("a");
  await settle("b", new Error("no"));
  expect(tally(queue.uploads)).toEqual({ total: 4, received: 1, failed: 1, left: 2, share: 200 / 300 });
  expect(tally([])).toEqual({ total: 0, received: 0, failed: 0, left: 0, share: 0 });
});
