/** Asking again for what is not finished: soon after a change, ever more rarely while nothing happens. */
import { useEffect, useRef } from "preact/hooks";
import { useLatest } from "../ui/hooks.ts";

export const FIRST_MS = 2000;
const LONGEST_MS = 30_000;
const GROWTH = 1.5;

/** The wait before the next question, after one that was preceded by a wait of `before`. */
export function nextWait(before: number, changed: boolean): number {
  return changed ? FIRST_MS : Math.min(LONGEST_MS, before * GROWTH);
}

/**
 * Calls `ask` again and again while `on`, and while the page is visible; at once when it becomes visible. `ask` resolves to
 * whether something has changed; a failure counts as "no". `key` begins anew with short waits.
 */
export function usePolling(on: boolean, key: string, ask: () => Promise<boolean>): void {
  const latest = useLatest(ask);
  const asking = useRef(false);
  useEffect(() => {
    if (!on) return;
    let wait = FIRST_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const schedule = () => {
      clearTimeout(timer);
      if (!stopped && document.visibilityState === "visible") timer = setTimeout(run, wait);
    };
    const run = async () => {
      if (asking.current) return schedule();
      asking.current = true;
      const changed = await latest().catch(() => false);
      asking.current = false;
      wait = nextWait(wait, changed);
      schedule();
    };
    const shown = () => (document.visibilityState === "visible" ? void run() : clearTimeout(timer));
    schedule();
    document.addEventListener("visibilitychange", shown);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [on, key]);
}
