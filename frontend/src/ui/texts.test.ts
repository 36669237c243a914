import { describe, expect, it } from "vitest";
import { chooseLocale, defineTexts } from "./texts.ts";

const texts = defineTexts({
  en: { hello: "Hello, {name}!", unread: { one: "{count} message", other: "{count} messages" }, ok: "OK" },
  "zh-CN": { hello: "你好，{name}！", unread: "{count} 条消息", ok: "好" },
});

describe("texts", () => {
  it("fills placeholders in the language asked for", () => {
    expect(texts.in("en")("hello", { name: "Ann" })).toBe("Hello, Ann!");
    expect(texts.in("zh-CN")("hello", { name: "小明" })).toBe("你好，小明！");
    expect(texts.in("zh-CN")("ok")).toBe("好");
  });

  it("chooses the plural form by the count and writes numbers as the language does", () => {
    const t = texts.in("en");
    expect([0, 1, 2, 12_000].map((count) => t("unread", { count }))).toEqual([
      "0 messages",
      "1 message",
      "2 messages",
      "12,000 messages",
    ]);
    expect(texts.in("zh-CN")("unread", { count: 1 })).toBe("1 条消息");
  });

  it("does not take placeholders out of values", () => {
    expect(texts.in("en")("hello", { name: "{name} $& {x}" })).toBe("Hello, {name} $& {x}!");
  });

  it("lets overrides go first, also those of a language that only they have", () => {
    const t = texts.in("pl", {
      unread: { one: "{count} wiadomość", few: "{count} wiadomości", other: "{count} wiadomości" },
    });
    expect([1, 3].map((count) => t("unread", { count }))).toEqual(["1 wiadomość", "3 wiadomości"]);
    expect(t("ok")).toBe("OK");
  });

  it("has its placeholders checked by the compiler", () => {
    const t = texts.in("en");
    // @ts-expect-error the value is missing
    expect(t("hello")).toBe("Hello, {name}!");
    // @ts-expect-error there is no such text
    expect(t("nothing")).toBe("nothing");
  });
});

describe("chooseLocale", () => {
  it.each([
    [["zh-TW", "en"], "zh-CN"],
    [["fr", "zh"], "zh-CN"],
    [["en-GB"], "en"],
    [[null, undefined, "fr"], "en"],
    [["zh_Hans_CN"], "zh-CN"],
  ] as const)("%j gives %s", (wanted, locale) => {
    expect(chooseLocale(wanted)).toBe(locale);
  });
});
