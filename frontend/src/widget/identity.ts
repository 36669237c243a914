/** Who the page says is here. The server checks the signature; here it only matters whether it is the same person. */
import type { Identity } from "./host.ts";

/** The `sub` of a JWT; null where there is none. */
export function subjectOf(jwt: string): string | null {
  try {
    const base64 = (jwt.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" ? sub : null;
  } catch {
    return null; // the server will say what is wrong with it
  }
}

/** Whether nobody needs to be asked anew: a page may well repeat who is here on each of its views. */
export function samePerson(one: Identity | undefined, other: Identity | undefined): boolean {
  if (one === other) return true;
  if (typeof one !== "string" || typeof other !== "string") return false;
  const subject = subjectOf(one);
  return subject !== null && subject === subjectOf(other);
}
