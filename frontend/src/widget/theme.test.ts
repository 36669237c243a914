// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from "vitest";
import { contrasting, themeRules } from "./theme.ts";

beforeEach(() => {
  // happy-dom judges no values; a browser does, in tests/browser.
  vi.stubGlobal("CSS", { supports: (_: string, value: string) => !value.includes("nonsense") });
});

it("has no rules for a site without a theme", () => {
  expect(themeRules({})).toBe("");
});

it("takes one colour for both schemes, or one each", () => {
  expect(themeRules({ accent: "#0a7" })).toContain("--cs-accent: #0a7;");
  expect(themeRules({ accent: { light: "#0a7", dark: "#5fc" } })).toContain("--cs-accent: light-dark(#0a7, #5fc);");
});

it.each([
  "red; } body { display: none",
  "url(https://evil.example/pixel)",
  "red /* ",
  "nonsense",
  "x".repeat(1000),
  7,
  null,
  { light: "red" },
])("leaves out %j", (accent) => {
  expect(themeRules({ accent })).toBe("");
});

it("writes on a colour what can be read there", () => {
  expect(contrasting("#ffcc00")).toBe("#000");
  expect(contrasting("#0b6b62")).toBe("#fff");
  expect(themeRules({ accent: "#ffcc00" })).toContain("--cs-on-accent: #000;");
  expect(themeRules({ accent: "#ffcc00", on_accent: "#123" })).toContain("--cs-on-accent: #123;");
});
