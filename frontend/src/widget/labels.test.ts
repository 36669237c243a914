// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { direction, fetchTexts, pickLocale } from "./labels.ts";

afterEach(() => vi.unstubAllGlobals());

describe("pickLocale", () => {
  const more = { de: {}, ar: {}, "zh-TW": {} };

  it.each([
    [["zh-CN"], "zh-CN"],
    [["zh"], "zh-CN"],
    [["en-GB"], "en"],
    [["de-AT"], "de"],
    [["zh-TW"], "zh-TW"],
    [[null, "", "fr", "de"], "de"],
    [["fr"], "en"],
    [[], "en"],
  ])("%j becomes %s", (wanted, locale) => {
    expect(pickLocale(wanted, more)).toBe(locale);
  });

  it("uses English for a language of which the page has no texts", () => {
    expect(pickLocale(["de"], {})).toBe("en");
  });
});

it("knows which languages are written from right to left", () => {
  expect(["ar", "ar-EG", "he", "fa-IR"].map(direction)).toEqual(["rtl", "rtl", "rtl", "rtl"]);
  expect(["en", "zh-CN", "arn", "heb-x"].map(direction)).toEqual(["ltr", "ltr", "ltr", "ltr"]);
});

describe("fetchTexts", () => {
  const answer = (body: string) => vi.stubGlobal("fetch", async () => new Response(body));

  it("takes languages, and leaves out what is none", async () => {
    answer('{"de": {"send": "Senden", "unread": {"other": "{count} neu"}, "stop": 7, "log": {"one": "x"}}}');
    const de = { send: "Senden", unread: { other: "{count} neu" } };
    expect(await fetchTexts("https://shop.example/texts.json")).toEqual({ de });
  });

  it("goes on without a file that is broken, and says so once", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    answer("<!doctype html>");
    expect(await fetchTexts("https://shop.example/texts.json")).toEqual({});
    expect(warned).toHaveBeenCalledTimes(1);
  });
});
