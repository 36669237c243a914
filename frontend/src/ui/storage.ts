import { forgiving, type KeyValueStore } from "../sdk/platform.ts";

/** The browser's storage; memory where it is blocked (private windows, forbidden third-party data) or full. */
export function browserStorage(kind: "localStorage" | "sessionStorage"): KeyValueStore {
  try {
    return forgiving(window[kind]);
  } catch {
    return forgiving(undefined); // the mere access throws
  }
}
