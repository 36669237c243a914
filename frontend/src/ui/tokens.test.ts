import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

/** [light, dark] of a colour token. */
function colours(name: string): [string, string] {
  const found = new RegExp(`--cs-${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(css);
  if (!found?.[1] || !found[2]) throw new Error(`no colour --cs-${name}`);
  return [found[1], found[2]];
}

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const surfaces = ["sunken", "canvas", "raised", "hover", "selected"];
const text: [string, string, number][] = [
  ...surfaces.flatMap((on): [string, string, number][] => [
    ["text", on, 4.5],
    ["text-soft", on, 4.5],
    ["accent", on, 4.5],
  ]),
  ["accent", "accent-soft", 4.5],
  ["accent-hover", "canvas", 4.5],
  ["text", "accent-soft", 4.5],
  ["text-soft", "accent-soft", 4.5],
  ["on-accent", "accent", 4.5],
  ["on-accent", "accent-hover", 4.5],
  ["on-danger", "danger", 4.5],
  ["danger", "canvas", 4.5],
  ["danger", "sunken", 4.5],
  ["danger", "raised", 4.5],
  ["danger", "hover", 4.5],
  ["danger", "danger-soft", 4.5],
  ["text", "danger-soft", 4.5],
  ["warn", "warn-soft", 4.5],
  ["text", "warn-soft", 4.5],
  ["text", "mark", 4.5],
  ["text", "code", 4.5],
  ["edge", "canvas", 3],
  ["edge", "raised", 3],
  ["edge", "sunken", 3],
  ["ok", "canvas", 3],
  ["ok", "sunken", 3],
  ["ok", "raised", 3],
];

describe("contrast", () => {
  it.each(text)("--cs-%s on --cs-%s is at least %d:1", (ink, ground, least) => {
    const [light, dark] = colours(ink);
    const [lightGround, darkGround] = colours(ground);
    expect(contrast(light, lightGround), "light").toBeGreaterThanOrEqual(least);
    expect(contrast(dark, darkGround), "dark").toBeGreaterThanOrEqual(least);
  });
});
