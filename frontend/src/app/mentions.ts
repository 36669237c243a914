/** Completing `@…` while one writes. Pure. */
import type { Member } from "../sdk/index.ts";

export interface Candidate {
  readonly id: string;
  /** As it is listed. */
  readonly name: string;
  /** What stands in the message, without the `@`. */
  readonly handle: string;
  readonly kind: Member["kind"];
}

/** The mention being written at `caret`: where its `@` stands, and what follows it; null when there is none. */
export function mentionAt(text: string, caret: number): { start: number; query: string } | null {
  const before = text.slice(0, caret);
  // As on the server, an `@` inside an address is none. A name may hold spaces, but one looks for few words.
  const found = /(?<![A-Za-z0-9_.@])@([^\s@]*(?: [^\s@]+){0,2})$/u.exec(before);
  return found ? { start: found.index, query: found[1] ?? "" } : null;
}

/** Those whose name, or a word of it, begins with `query`; the assistant first. */
export function matching(candidates: readonly Candidate[], query: string, limit = 6): Candidate[] {
  const wanted = query.toLocaleLowerCase();
  const begins = (name: string) => {
    const lower = name.toLocaleLowerCase();
    return lower.startsWith(wanted) || lower.split(/\s+/).some((word) => word.startsWith(wanted));
  };
  const rank = (candidate: Candidate) => (candidate.kind === "assistant" ? 0 : 1);
  return candidates
    .filter(({ name, handle }) => begins(name) || begins(handle))
    .sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name))
    .slice(0, limit);
}

/** `text` with the mention at `start` … `caret` completed, and where the caret stands then. */
export function completed(text: string, start: number, caret: number, handle: string): { text: string; caret: number } {
  const after = text.slice(caret);
  const inserted = `@${handle}${/^\s/.test(after) ? "" : " "}`;
  return { text: text.slice(0, start) + inserted + after, caret: start + inserted.length };
}
