/** A site's own colours and type, as its operator set them, in rules for the shadow root. */

type Pair = { readonly light: string; readonly dark: string };

/**
 * `theme` is any JSON: what is no colour, length or font name is left out. The page's own style sheet goes before these
 * rules, and these before the defaults.
 */
export function themeRules(theme: Readonly<Record<string, unknown>>): string {
  const rules: string[] = [];
  const set = (name: string, value: string | null) => value && rules.push(`--cs-${name}: ${value};`);
  const accent = colours(theme.accent);
  const onAccent =
    colours(theme.on_accent) ?? (accent && { light: contrasting(accent.light), dark: contrasting(accent.dark) });
  set("accent", accent && pair(accent));
  set("on-accent", onAccent && pair(onAccent));
  set("radius-lg", valid("border-radius", theme.radius));
  set("font", valid("font-family", theme.font));
  return rules.length > 0 ? `:host([lang]) { ${rules.join(" ")} }` : "";
}

/** One colour for both, or one each. */
function colours(value: unknown): Pair | null {
  const { light, dark } =
    typeof value === "object" && value ? (value as Record<string, unknown>) : { light: value, dark: value };
  const day = valid("color", light);
  const night = valid("color", dark);
  return day && night ? { light: day, dark: night } : null;
}

function pair({ light, dark }: Pair): string {
  return light === dark ? light : `light-dark(${light}, ${dark})`;
}

/** Nothing that could end the declaration and begin another one, and nothing that would load a file. */
function valid(property: string, value: unknown): string | null {
  if (typeof value !== "string" || value.length > 200 || /[;{}]|url\(|\/\*/i.test(value)) return null;
  return CSS.supports(property, value) ? value : null;
}

/** Black or white, whichever is easier to read on a colour (WCAG 2.2, relative luminance). */
export function contrasting(colour: string): string {
  const [r, g, b] = channels(colour).map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  );
  if (r === undefined || g === undefined || b === undefined) return "#fff";
  // Equal contrast to black and to white: (L + 0.05)² = 1.05 * 0.05.
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** Red, green and blue from 0 to 1. The browser knows all the ways to write a colour; a canvas tells the shortest. */
function channels(colour: string): number[] {
  const context = document.createElement("canvas").getContext("2d");
  if (context) context.fillStyle = colour;
  const hex = /^#(..)(..)(..)$/.exec(context ? String(context.fillStyle) : colour);
  return hex ? hex.slice(1).map((digits) => Number.parseInt(digits, 16) / 255) : [];
}
