import type { User } from "../sdk/state.ts";
import { Sparkle } from "./icons.tsx";

const HUES = 8;

/** Up to two letters for a name: initials, or the first character where names are not written in words. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "")][0] ?? "?";
  // Ideographs and syllables carry a whole word; two of them are too wide for a small circle.
  const last =
    words.length > 1 && /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u.test(first)
      ? [...(words.at(-1) ?? "")][0]
      : "";
  return (first + (last ?? "")).toLocaleUpperCase();
}

/** The same colour for the same id, everywhere. */
export function hue(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (hash * 31 + id.charCodeAt(i)) | 0;
  return Math.abs(hash) % HUES;
}

/** Decorative: the name stands beside it, or in the label of what is around it. */
export function Avatar({ user, size = "md" }: { user: Pick<User, "id" | "name" | "kind">; size?: "xs" | "sm" | "md" }) {
  const assistant = user.kind === "assistant";
  return (
    <span class="cs-avatar" data-size={size} data-hue={assistant ? "assistant" : hue(user.id)} aria-hidden="true">
      {assistant ? <Sparkle /> : initials(user.name)}
    </span>
  );
}
