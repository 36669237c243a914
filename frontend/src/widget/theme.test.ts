// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from "vitest";
import { themeRules } from "./theme.ts";

beforeEach(() => {
  // happy-dom judges no values; a browser does, in tests/browser.
  vi.stubGlobal("CSS", { supports: (_: string, value: string) => !value.includes("nonsense") });
});

it("has no rules for a site without a theme", () => {
  expect(themeRules({})).toBe("");
});

it("takes one colour for both schemes, or one each", () => {
  expect(themeRules({ accent: "#0a7" })).toContain("--cs-accent: light-dark(#0a7, oklch(from #0a7 max(l, 0.72) c h));");
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

it("takes a font and a radius", () => {
  expect(themeRules({ font: "Georgia, serif", radius: "4px" })).toContain(
    "--cs-radius-lg: 4px; --cs-font: Georgia, serif;",
  );
});
