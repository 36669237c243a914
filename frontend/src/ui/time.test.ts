import { describe, expect, it } from "vitest";
import { dayLabel, daysBetween, shortWhen } from "./time.ts";

const now = new Date(2026, 2, 10, 9, 30);

describe("dayLabel", () => {
  it.each([
    [new Date(2026, 2, 10, 0, 0), "Today", "今天"],
    [new Date(2026, 2, 9, 23, 59), "Yesterday", "昨天"],
    [new Date(2026, 2, 3, 12, 0), "Tuesday, March 3", "3月3日星期二"],
    [new Date(2025, 11, 31, 12, 0), "Wednesday, December 31, 2025", "2025年12月31日星期三"],
  ])("%s", (date, english, chinese) => {
    expect(dayLabel(date, now, "en")).toBe(english);
    expect(dayLabel(date, now, "zh-CN")).toBe(chinese);
  });
});

describe("shortWhen", () => {
  it("gets coarser with age", () => {
    expect(shortWhen(new Date(2026, 2, 10, 8, 5), now, "zh-CN")).toBe("08:05");
    expect(shortWhen(new Date(2026, 2, 6, 8, 5), now, "en")).toBe("Fri");
    expect(shortWhen(new Date(2026, 1, 6, 8, 5), now, "en")).toBe("Feb 6");
    expect(shortWhen(new Date(2025, 1, 6, 8, 5), now, "en")).toBe("Feb 6, 25");
  });
});

describe("daysBetween", () => {
  it("counts calendar days, not hours", () => {
    expect(daysBetween(new Date(2026, 2, 28, 23, 59), new Date(2026, 2, 29, 0, 1))).toBe(1);
    expect(daysBetween(new Date(2026, 2, 29, 0, 1), new Date(2026, 2, 29, 23, 59))).toBe(0);
  });
});
