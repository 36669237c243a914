/**
 * What the SDK needs of the place it runs in. Browsers, React Native and Node (>= 22) have all of it as globals; only
 * these few members are used, so that anything else can stand in.
 */

export interface SocketLike {
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketClass = new (url: string, protocol: string) => SocketLike;

export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<unknown>;
}

export type Fetch = (
  url: string,
  options: { method: string; headers: Record<string, string>; body?: string; credentials?: "omit" | "same-origin" },
) => Promise<ResponseLike>;

/** `localStorage`, `sessionStorage`, or anything that keeps strings. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The clock in ms, chance in [0, 1), and timers. */
export interface Time {
  now(): number;
  random(): number;
  /** Calls `callback` after `ms`; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

interface Globals {
  WebSocket?: SocketClass;
  fetch?: Fetch;
  crypto?: { getRandomValues(bytes: Uint8Array): Uint8Array };
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

const globals = globalThis as unknown as Globals;
/** Timers overflow beyond 2^31 - 1 ms and would fire at once. */
const TIMER_MAX = 2 ** 31 - 1;

export const systemTime: Time = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(ms, callback) {
    const timer = globals.setTimeout(callback, Math.min(ms, TIMER_MAX));
    return () => globals.clearTimeout(timer);
  },
};

export function defaultSocket(): SocketClass {
  if (globals.WebSocket === undefined) throw new TypeError("There is no WebSocket here: give one as an option.");
  return globals.WebSocket;
}

export const defaultFetch: Fetch = (url, options) => {
  if (globals.fetch === undefined) throw new TypeError("There is no fetch here: give one as an option.");
  return globals.fetch(url, options);
};

/** A random id of 128 bits. (`crypto.randomUUID` exists in secure contexts only, and intranets often have none.) */
export function randomId(): string {
  const bytes = new Uint8Array(16);
  if (globals.crypto) globals.crypto.getRandomValues(bytes);
  else for (let index = 0; index < bytes.length; index++) bytes[index] = Math.random() * 256;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** `store`, but a full or forbidden one (private windows, blocked cookies) forgets instead of failing. */
export function forgiving(store: KeyValueStore | undefined): KeyValueStore {
  const memory = new Map<string, string>();
  const attempt = <T>(what: () => T, otherwise: () => T): T => {
    try {
      return store === undefined ? otherwise() : what();
    } catch {
      return otherwise();
    }
  };
  return {
    getItem: (key) =>
      attempt(
        () => (store as KeyValueStore).getItem(key),
        () => null,
      ) ??
      memory.get(key) ??
      null,
    setItem(key, value) {
      attempt(
        () => (store as KeyValueStore).setItem(key, value),
        () => void memory.set(key, value),
      );
    },
    removeItem(key) {
      memory.delete(key);
      attempt(
        () => (store as KeyValueStore).removeItem(key),
        () => undefined,
      );
    },
  };
}
