/** A site's own colours and type, as its operator set them, in rules for the shadow root. */

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
  return rules.length > 0 ? `:host([lang]) { ${rules.join(" ")} }` : ""; // heavier than the defaults' `:host`
}

/** One colour for light and dark, or one each. */
function colours(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return valid("color", value);
  const { light, dark } = value as Record<string, unknown>;
  const [day, night] = [valid("color", light), valid("color", dark)];
  return day && night && `light-dark(${day}, ${night})`;
}

/** Nothing that could end the declaration and begin another one, and nothing that would load a file. */
function valid(property: string, value: unknown): string | null {
  if (typeof value !== "string" || value.length > 200 || /[;{}]|url\(|\/\*/i.test(value)) return null;
  return CSS.supports(property, value) ? value : null;
}
