/** The few texts of the launcher; those of the panel come with the core. */
import { defineTexts, type Entry, LOCALES } from "../ui/texts.ts";
import type { MoreTexts } from "./host.ts";

export const LABELS = defineTexts({
  en: {
    launcher: "Chat",
    launcherUnread: { one: "Chat, {count} unread message", other: "Chat, {count} unread messages" },
    launcherClose: "Close chat",
    loadFailed: "The chat could not be loaded. Try again?",
  },
  "zh-CN": {
    launcher: "在线咨询",
    launcherUnread: "在线咨询，{count} 条未读消息",
    launcherClose: "关闭聊天",
    loadFailed: "聊天窗口加载失败，点击重试",
  },
});

/** The first of `wanted` for which there are texts, ours or the page's own: as it is, else another form of the language. */
export function pickLocale(wanted: readonly (string | null | undefined)[], more: MoreTexts): string {
  const known = [...LOCALES, ...Object.keys(more)];
  for (const tag of wanted) {
    if (!tag) continue;
    const found = known.find((one) => same(one, tag)) ?? known.find((one) => same(language(one), language(tag)));
    if (found) return found;
  }
  return "en";
}

/** The page's own texts of a language, if it gave any. */
export function textsFor(locale: string, more: MoreTexts): MoreTexts[string] {
  return more[locale] ?? {};
}

export function direction(locale: string): "ltr" | "rtl" {
  return /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/i.test(locale) ? "rtl" : "ltr";
}

/** A file of the page's; what is not of the form is left out. Never throws. */
export async function fetchTexts(url: string): Promise<MoreTexts> {
  try {
    const found: unknown = await (await fetch(url)).json();
    return Object.fromEntries(
      entries(found).map(([locale, texts]) => [locale, Object.fromEntries(entries(texts).filter(isText))]),
    );
  } catch (error) {
    console.warn(`Chatserver: ${url} could not be read as texts.`, error);
    return {};
  }
}

const entries = (value: unknown): [string, unknown][] =>
  Object.entries(typeof value === "object" && value ? value : {});

function isText(entry: [string, unknown]): entry is [string, Entry] {
  const [, text] = entry;
  return typeof text === "string" || typeof (text as { other?: unknown } | null)?.other === "string";
}

const language = (tag: string): string => tag.split(/[-_]/)[0] ?? "";
const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
