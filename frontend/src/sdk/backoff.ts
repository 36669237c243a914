/** How long to wait before the next connection (docs/protocol.md, "Closing"). Pure. */

/** Why a connection is no more. `retryAfter` in seconds, when the server said so. */
export interface Lost {
  readonly code: number;
  readonly retryAfter: number | null;
}

export type Verdict = "retry" | "renew" | "forbidden" | "protocol";

const FIRST_MS = 500;
const MOST_MS = 30_000;
const RESTART_MS = 5000;

/** What to do after a close: try again, get new credentials first, or stop. */
export function verdict(code: number): Verdict {
  switch (code) {
    case 4001:
      return "renew";
    case 4002:
      return "protocol";
    case 4003:
      return "forbidden";
    default:
      return "retry";
  }
}

/** Milliseconds to wait: full jitter under a bound that doubles with each failure; `chance` is in [0, 1). */
export function delay(lost: Lost, failures: number, chance: number): number {
  const restarting = lost.code === 4012 || lost.code === 1012;
  const most = restarting && failures === 0 ? RESTART_MS : Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return (lost.retryAfter ?? 0) * 1000 + chance * most;
}
