/** Sizes, kinds and shares as people read them. */

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** "12 kB", by powers of 1,000 as storage is sold and as the server's limits are said. */
export function fileSize(bytes: number, locale: string): string {
  let power = 0;
  let value = bytes;
  // By what is shown: 999,999 bytes are 1 MB and not 1,000 kB.
  while (Number(value.toPrecision(3)) >= 1000 && power < UNITS.length - 1) {
    value /= 1000;
    power++;
  }
  const digits = value < 10 && power > 1 ? 1 : 0;
  const style = { style: "unit", unit: UNITS[power] ?? "byte", unitDisplay: power === 0 ? "long" : "short" } as const;
  return new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: digits }).format(value);
}

/** What a document is, in the few letters that its tile has place for, and the hue that tells it from others. */
export interface Kind {
  readonly label: string;
  readonly hue: number;
}

const BY_TYPE: readonly (readonly [type: RegExp, kind: Kind])[] = [
  [/pdf/, { label: "PDF", hue: 3 }],
  [/wordprocessing|msword/, { label: "DOCX", hue: 7 }],
  [/presentation|powerpoint/, { label: "PPTX", hue: 4 }],
  [/spreadsheet|ms-excel/, { label: "XLSX", hue: 6 }],
  [/csv/, { label: "CSV", hue: 6 }],
  [/epub/, { label: "EPUB", hue: 1 }],
  [/zip/, { label: "ZIP", hue: 5 }],
  [/html/, { label: "HTML", hue: 0 }],
  [/markdown/, { label: "MD", hue: 2 }],
];

/** By what the server made of it; plain text by the ending of its name, which tells code from prose. */
export function kindOf(mediaType: string, origin: string): Kind {
  const found = BY_TYPE.find(([type]) => type.test(mediaType));
  if (found) return found[1];
  const ending = /\.([a-z0-9]{1,4})$/i.exec(origin)?.[1];
  return { label: ending ? ending.toUpperCase() : "TXT", hue: 0 };
}

/** From 0 to 1; 0 of 0 is nothing yet. */
export function share(done: number, total: number): number {
  return total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
}

/** "42%" */
export function percent(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "percent" }).format(value);
}

/** With two digits after the point, for scores. */
export function score(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value);
}
