/** What a person has chosen for this browser: appearance and language. */
import { useEffect, useState } from "preact/hooks";
import { browserStorage } from "../ui/storage.ts";
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

const storage = browserStorage("localStorage");

function themeOf(value: string | null): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

export function useSettings(): Settings {
  const [theme, setTheme] = useState<Theme>(() => themeOf(storage.getItem(THEME)));
  const [locale, setLocale] = useState<Locale>(() =>
    chooseLocale([storage.getItem(LOCALE), document.documentElement.lang, ...navigator.languages]),
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
      storage.setItem(THEME, chosen);
      setTheme(chosen);
    },
    setLocale(chosen) {
      storage.setItem(LOCALE, chosen);
      setLocale(chosen);
    },
  };
}
