/** Classes of characters. A character is a string that holds one code point. */

const PUNCTUATION = /^[\p{P}\p{S}]$/u;
const SPACE = /^\s$/u;
// Scripts that are written without spaces between words, and the punctuation and full-width forms that go with them.
const EAST_ASIAN =
  /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Bopomofo}\u3000-\u303f\ufe30-\ufe4f\uff00-\uffef]$/u;
const HANGUL = /^\p{sc=Hangul}$/u;
const WORD = /^[\w]$/;
const ASCII_PUNCTUATION = /^[!-/:-@[-`{-~]$/;

/** Also the start and the end of a block, which are the empty string. */
export const isSpace = (c: string): boolean => c === "" || SPACE.test(c);

/** CommonMark's Unicode punctuation, without that of East Asian scripts. */
export const isPunctuation = (c: string): boolean => PUNCTUATION.test(c) && !EAST_ASIAN.test(c);

export const isEastAsian = (c: string): boolean => EAST_ASIAN.test(c);

export const isCjk = (c: string): boolean => EAST_ASIAN.test(c) || HANGUL.test(c);

/** An ASCII letter, digit or underscore. */
export const isWord = (c: string): boolean => WORD.test(c);

/** What a backslash can escape. */
export const isEscapable = (c: string): boolean => ASCII_PUNCTUATION.test(c);

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
  copy: "©",
  reg: "®",
  trade: "™",
  hellip: "…",
  ndash: "–",
  mdash: "—",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  laquo: "«",
  raquo: "»",
  bull: "•",
  middot: "·",
  times: "×",
  divide: "÷",
  deg: "°",
  plusmn: "±",
  le: "≤",
  ge: "≥",
  ne: "≠",
  larr: "←",
  rarr: "→",
  euro: "€",
  pound: "£",
  yen: "¥",
  sect: "§",
};

/** What `&name;`, `&#10;` or `&#xa;` stands for; null if nothing. Names: those that models write in plain text. */
export function entity(text: string): string | null {
  const [, hex, decimal, name] = /^&(?:#x([\da-f]{1,6})|#(\d{1,7})|([a-z]+));$/i.exec(text) ?? [];
  if (name) return Object.hasOwn(ENTITIES, name) ? (ENTITIES[name] ?? null) : null;
  if (!hex && !decimal) return null;
  const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
  const valid = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return valid ? String.fromCodePoint(code) : "\ufffd";
}

/** Text of a link's destination with its escapes and entities resolved. */
export function unescaped(text: string): string {
  return text.replace(
    /\\([!-/:-@[-`{-~])|&[#\w]{1,10};/g,
    (whole, escaped?: string) => escaped ?? entity(whole) ?? whole,
  );
}
