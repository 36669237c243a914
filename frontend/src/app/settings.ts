/** What a person has chosen for this browser: appearance and language. */
import { useEffect, useState } from "preact/hooks";
import { chooseLocale, type Locale } from "../ui/texts.ts";

export type Theme = "system" | "light" | "dark";

export interface Settings {
  readonly theme: Theme;
  readonly locale: Locale;
  setTheme(theme: Theme): void;
  setLocale(locale: Locale): void;
}

const THEME = "chatserver:theme";
const LOCALE = "chatserver:locale";

/** Storage that may be forbidden (private windows, blocked cookies): then the choice lasts as long as the page. */
function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {}
}

function themeOf(value: string | null): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

export function useSettings(): Settings {
  const [theme, setTheme] = useState<Theme>(() => themeOf(remembered(THEME)));
  const [locale, setLocale] = useState<Locale>(() =>
    chooseLocale([remembered(LOCALE), document.documentElement.lang, ...navigator.languages]),
  );
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === "system") delete dataset.theme;
    else dataset.theme = theme;
    // The browser's own bars take the colour of the app.
    const ground = getComputedStyle(document.body).backgroundColor;
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) meta.content = ground;
  }, [theme]);
  useEffect(() => {
    document.documentElement.lang = locale;
  }, [locale]);
  return {
    theme,
    locale,
    setTheme(chosen) {
      remember(THEME, chosen);
      setTheme(chosen);
    },
    setLocale(chosen) {
      remember(LOCALE, chosen);
      setLocale(chosen);
    },
  };
}
