/** A site's own colours and type, as its operator set them, in rules for the shadow root. */

/**
 * `theme` is any JSON: what is no colour, length or font name is left out. The page's own style sheet goes before these
 * rules, and these before the defaults.
 */
export function themeRules(theme: Readonly<Record<string, unknown>>): string {
  const values = {
    accent: colours(theme.accent),
    "radius-lg": valid("border-radius", theme.radius),
    font: valid("font-family", theme.font),
  };
  const rules = Object.entries(values).flatMap(([name, value]) => (value ? `--cs-${name}: ${value};` : []));
  // Heavier than the `:host` of the defaults, which come later.
  return rules.length > 0 ? `:host([lang]) { ${rules.join(" ")} }` : "";
}

/** One colour for light and dark, or one each. */
function colours(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return forBoth(valid("color", value));
  const { light, dark } = value as Record<string, unknown>;
  const [day, night] = [valid("color", light), valid("color", dark)];
  return day && night && `light-dark(${day}, ${night})`;
}

/** A colour that goes with a light ground is too dark to be read on a dark one: there it is the same hue, but lighter. */
function forBoth(colour: string | null): string | null {
  const lighter = `oklch(from ${colour} max(l, 0.72) c h)`;
  return colour && CSS.supports("color", lighter) ? `light-dark(${colour}, ${lighter})` : colour;
}

/** Nothing that could end the declaration and begin another one, and nothing that would load a file. */
function valid(property: string, value: unknown): string | null {
  if (typeof value !== "string" || value.length > 200 || /[;{}]|url\(|\/\*/i.test(value)) return null;
  return CSS.supports(property, value) ? value : null;
}
