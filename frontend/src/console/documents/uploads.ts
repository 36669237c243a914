/** The queue of files on their way to the server: how many at a time, how far each is, and what became of it. */
import type { Registered } from "../types.ts";

/** Of a file: what the queue has to know. */
export interface Sendable {
  readonly name: string;
  readonly size: number;
}

export type UploadStatus = "waiting" | "sending" | "received" | "failed";

export interface Upload<F extends Sendable = Sendable> {
  readonly key: number;
  readonly file: F;
  readonly collection: string;
  readonly status: UploadStatus;
  /** Bytes that are on the server, of `file.size`. */
  readonly sent: number;
  readonly error: unknown;
  /** Set once it is received. */
  readonly registered: Registered | null;
}

/** Sends one file; `signal` ends it. Rejects with why it failed. */
export type Sender<F extends Sendable> = (
  upload: Upload<F>,
  sent: (bytes: number) => void,
  signal: AbortSignal,
) => Promise<Registered>;

export const AT_ONCE = 3;
/** More at a time than anybody means to give; the rest is not taken, which `add` says. */
export const QUEUE_MAX = 2000;

export class UploadQueue<F extends Sendable> {
  private list: readonly Upload<F>[] = [];
  private keys = 0;
  private readonly send: Sender<F>;
  private readonly underway = new Map<number, AbortController>();
  private readonly listeners = new Set<() => void>();

  constructor(send: Sender<F>) {
    this.send = send;
  }

  /** A new array after each change. */
  get uploads(): readonly Upload<F>[] {
    return this.list;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** How many of `files` were taken. */
  add(files: readonly F[], collection: string): number {
    const taken = files.slice(0, Math.max(0, QUEUE_MAX - this.list.length));
    const added = taken.map((file): Upload<F> => {
      const key = ++this.keys;
      return { key, file, collection, status: "waiting", sent: 0, error: null, registered: null };
    });
    this.set([...this.list, ...added]);
    this.next();
    return taken.length;
  }

  /** A failed one once more. */
  retry(key: number): void {
    this.change(key, { status: "waiting", sent: 0, error: null });
    this.next();
  }

  /** Away with it; one that is being sent is broken off. */
  drop(key: number): void {
    this.underway.get(key)?.abort();
    this.set(this.list.filter((upload) => upload.key !== key));
    this.next();
  }

  /** Away with those that have arrived. */
  clear(): void {
    this.set(this.list.filter(({ status }) => status !== "received"));
  }

  /** Away with all. */
  stop(): void {
    for (const controller of this.underway.values()) controller.abort();
    this.set([]);
  }

  private next(): void {
    for (const upload of this.list) {
      if (this.underway.size >= AT_ONCE) return;
      if (upload.status === "waiting") void this.start(upload);
    }
  }

  private async start(upload: Upload<F>): Promise<void> {
    const { key, file } = upload;
    const controller = new AbortController();
    this.underway.set(key, controller);
    this.change(key, { status: "sending" });
    try {
      const registered = await this.send(upload, (sent) => this.change(key, { sent }), controller.signal);
      this.change(key, { status: "received", sent: file.size, registered });
    } catch (error) {
      this.change(key, { status: "failed", error }); // without effect on one that was dropped
    } finally {
      this.underway.delete(key);
      this.next();
    }
  }

  private change(key: number, change: Partial<Upload<F>>): void {
    if (!this.list.some((upload) => upload.key === key)) return;
    this.set(this.list.map((upload) => (upload.key === key ? { ...upload, ...change } : upload)));
  }

  private set(list: readonly Upload<F>[]): void {
    this.list = list;
    for (const listener of this.listeners) listener();
  }
}

export interface Tally {
  readonly total: number;
  readonly received: number;
  readonly failed: number;
  /** Neither received nor failed yet. */
  readonly left: number;
  /** From 0 to 1, by bytes. */
  readonly share: number;
}

export function tally(uploads: readonly Upload[]): Tally {
  const count = (status: UploadStatus) => uploads.filter((upload) => upload.status === status).length;
  const [received, failed] = [count("received"), count("failed")];
  // Of the failed ones nothing more is to come.
  const expected = uploads.filter(({ status }) => status !== "failed");
  const bytes = expected.reduce((sum, { file }) => sum + file.size, 0);
  const sent = expected.reduce((sum, upload) => sum + Math.min(upload.sent, upload.file.size), 0);
  return {
    total: uploads.length,
    received,
    failed,
    left: uploads.length - received - failed,
    share: bytes > 0 ? sent / bytes : 0,
  };
}
