import { describe, expect, it } from "vitest";
import { fileSize, kindOf, percent, score, share } from "./format.ts";

describe("fileSize", () => {
  it.each([
    [0, "0 bytes"],
    [999, "999 bytes"],
    [1000, "1 kB"],
    [12_345, "12 kB"],
    [999_999, "1 MB"],
    [1_550_000, "1.6 MB"],
    [104_857_600, "105 MB"],
    [2.5e9, "2.5 GB"],
    [5e15, "5,000 TB"],
  ])("of %d bytes", (bytes, said) => {
    expect(fileSize(bytes, "en")).toBe(said);
  });

  it("speaks Chinese", () => {
    expect(fileSize(12_345, "zh-CN")).toBe("12 kB");
    expect(fileSize(12, "zh-CN")).toBe("12字节");
  });
});

describe("kindOf", () => {
  it.each([
    ["application/pdf", "a.bin", "PDF"],
    ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx", "DOCX"],
    ["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "a.xlsx", "XLSX"],
    ["text/html", "https://example.com/a.php", "HTML"],
    ["text/markdown", "Title", "MD"],
    ["text/plain", "main.py", "PY"],
    ["text/plain", "README", "TXT"],
    ["text/plain", "a.averylongending", "TXT"],
  ])("%s from %s", (type, origin, label) => {
    expect(kindOf(type, origin).label).toBe(label);
  });
});

it("shares stay between nothing and all", () => {
  expect([share(0, 0), share(1, 4), share(5, 4), share(-1, 4)]).toEqual([0, 0.25, 1, 0]);
  expect([percent(0.256, "en"), score(3, "en")]).toEqual(["26%", "3.00"]);
});
