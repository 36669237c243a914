import { expect, it } from "vitest";
import { looksLikeSitemap, SCHEDULES, scheduleOf } from "./schedules.ts";

it("hours have a word", () => {
  for (const [hours, word] of SCHEDULES) expect(scheduleOf(hours)).toBe(word);
  expect([1, 25, 10_000].map(scheduleOf)).toEqual(["daily", "weekly", "monthly"]);
});

it.each([
  ["https://example.com/sitemap.xml", true],
  ["https://example.com/sitemap_index", true],
  ["https://example.com/en.xml.gz?a=1", true],
  ["https://example.com/about", false],
  ["https://example.com/sitemap/help", false],
])("%s is a sitemap: %s", (url, is) => {
  expect(looksLikeSitemap(url)).toBe(is);
});
