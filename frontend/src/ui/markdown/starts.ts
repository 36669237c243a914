/** How a line tells what it begins. */

export type Start =
  | { readonly kind: "heading"; readonly level: number; readonly rest: string }
  | { readonly kind: "fence"; readonly mark: string; readonly length: number; readonly info: string }
  | { readonly kind: "rule" }
  | {
      readonly kind: "item";
      /** A character that all items of one list have in common: its bullet, or what follows its numbers. */
      readonly mark: string;
      readonly number: number | null;
      /** Columns of bullet or number. */
      readonly width: number;
      readonly rest: string;
    };

/** Longer beginnings are text. It bounds the work, too: each character has all before it looked at again. */
const MAX_LENGTH = 512;

/** Whether a line that begins with `c` may begin something that `startOf` tells. */
export const mayStart = (c: string): boolean => /[#`~\-*_+\d]/.test(c);

/**
 * What a line begins that so far is `line`, without its indentation; "more" if that depends on what follows (or on the line
 * being over: `ended`), null if it is text.
 */
export function startOf(line: string, ended: boolean): Start | "more" | null {
  if (line.length > MAX_LENGTH) return null;
  const more = ended ? null : "more";
  switch (line.charAt(0)) {
    case "#": {
      const hashes = /^#{1,6}(?![^ \t])/.exec(line)?.[0];
      if (!hashes) return null;
      if (line === hashes && !ended) return "more";
      return { kind: "heading", level: hashes.length, rest: line.slice(hashes.length) };
    }
    case "`":
    case "~":
      return fence(line, ended);
    case "-":
    case "*":
    case "_":
      if (/^([-*_])(?:[ \t]*\1)*[ \t]*$/.test(line)) {
        if (!ended) return "more";
        if (line.replace(/[ \t]/g, "").length >= 3) return { kind: "rule" };
      }
      return line.startsWith("_") ? null : item(line, 1, null, ended);
    case "+":
      return item(line, 1, null, ended);
    default: {
      const [marker, number = ""] = /^(\d{1,9})[.)]/.exec(line) ?? [];
      if (marker) return item(line, marker.length, Number(number), ended);
      return /^\d{1,9}$/.test(line) ? more : null;
    }
  }
}

function fence(line: string, ended: boolean): Start | "more" | null {
  const mark = line.charAt(0);
  const length = (mark === "`" ? /^`+/ : /^~+/).exec(line)?.[0].length ?? 0;
  const rest = line.slice(length);
  if (length < 3) return rest === "" && !ended ? "more" : null;
  if (mark === "`" && rest.includes("`")) return null;
  return ended ? { kind: "fence", mark, length, info: rest.trim() } : "more";
}

function item(line: string, width: number, number: number | null, ended: boolean): Start | "more" | null {
  const rest = line.slice(width);
  if (/^[ \t]*$/.test(rest)) {
    if (!ended) return "more";
  } else if (!/^[ \t]/.test(rest)) return null;
  return { kind: "item", mark: line.charAt(width - 1), number, width, rest };
}
