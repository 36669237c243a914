/** Typed message catalogues: each text in each language, with `{placeholders}` that the compiler checks. */

/** The languages that every catalogue has; more can come as data. */
export const LOCALES = ["en", "zh-CN"] as const;
export type Locale = (typeof LOCALES)[number];

/** A text by the plural category of its `{count}`, as `Intl.PluralRules` names them. */
export type Plural = { readonly other: string } & Partial<Readonly<Record<Intl.LDMLPluralRule, string>>>;
export type Entry = string | Plural;

type Names<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<E extends Entry> = E extends string ? Names<E> : E extends Plural ? Names<E["other"]> | "count" : never;
type Values<E extends Entry> = { readonly [N in NamesOf<E>]: N extends "count" ? number : string | number };
type Args<E extends Entry> = [NamesOf<E>] extends [never] ? [] : [values: Values<E>];

type Catalogue = Readonly<Record<string, Entry>>;
/** Texts of a further language, or other words for some texts. */
export type Overrides<C extends Catalogue> = { readonly [K in keyof C]?: Entry };

/** `t("unread", { count: 3 })`: the text in one language. */
export interface Translate<C extends Catalogue> {
  <K extends keyof C & string>(key: K, ...args: Args<C[K]>): string;
  readonly locale: string;
}

export interface Texts<C extends Catalogue> {
  /** The texts in `locale`; `overrides` go before them. */
  in(locale: string, overrides?: Overrides<C>): Translate<C>;
}

/** The English texts say which keys and placeholders there are; the other language has the same keys. */
export function defineTexts<const C extends Catalogue>(catalogues: {
  en: C;
  "zh-CN": { readonly [K in keyof C]: C[K] extends string ? string : Entry };
}): Texts<C> {
  return {
    in(locale, overrides = {}) {
      const own: Readonly<Record<string, Entry>> = catalogues[chooseLocale([locale])];
      const plural = new Intl.PluralRules(locale);
      const number = new Intl.NumberFormat(locale);
      const translate = (key: string, values: Readonly<Record<string, string | number>> = {}): string => {
        const entry = (overrides as Catalogue)[key] ?? own[key] ?? key;
        const text = typeof entry === "string" ? entry : (entry[plural.select(Number(values.count))] ?? entry.other);
        return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
          const value = values[name];
          return typeof value === "number" ? number.format(value) : (value ?? whole);
        });
      };
      return Object.assign(translate, { locale }) as Translate<C>;
    },
  };
}

/** The first language of `wanted` that we have: as it is, else any of the same language; else English. */
export function chooseLocale(wanted: readonly (string | null | undefined)[]): Locale {
  for (const tag of wanted) {
    const language = tag?.toLowerCase().split(/[-_]/)[0];
    const found = LOCALES.find((locale) => locale.toLowerCase().split("-")[0] === language);
    if (found) return found;
  }
  return "en";
}
