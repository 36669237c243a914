import { Avatar } from "../ui/Avatar.tsx";
import { Globe, Leave, Moon, Screen, Sun } from "../ui/icons.tsx";
import type { Locale } from "../ui/texts.ts";
import { type T, useMe, useShell } from "./context.ts";
import { Menu, type MenuItem, type MenuSection } from "./parts/Menu.tsx";
import type { Settings, Theme } from "./settings.ts";

/** Each language in its own words: who looks for one may not read the present one. */
const LANGUAGES: Record<Locale, string> = { en: "English", "zh-CN": "简体中文" };
const THEMES = {
  system: ["themeSystem", <Screen />],
  light: ["themeLight", <Sun />],
  dark: ["themeDark", <Moon />],
} as const;

function themes(t: T, settings: Settings): MenuSection {
  return {
    title: t("theme"),
    items: (["system", "light", "dark"] as Theme[]).map((theme) => ({
      label: t(THEMES[theme][0]),
      icon: THEMES[theme][1],
      checked: settings.theme === theme,
      onSelect: () => settings.setTheme(theme),
    })),
  };
}

function languages(t: T, settings: Settings): MenuSection {
  return {
    title: t("language"),
    items: Object.entries(LANGUAGES).map(([locale, label]) => ({
      label,
      checked: settings.locale === locale,
      onSelect: () => settings.setLocale(locale as Locale),
    })),
  };
}

/** Who one is, what belongs to this browser, and the ways out of this page. */
export function AccountMenu(props: { settings: Settings; ways: readonly MenuItem[]; signOut(): void }) {
  const { t } = useShell();
  const me = useMe();
  const name = me?.name ?? "…";
  const { settings, ways } = props;
  const leaving = { items: [...ways, { label: t("signOut"), icon: <Leave />, onSelect: props.signOut }] };
  return (
    <Menu label={t("account")} worded class="account" sections={[themes(t, settings), languages(t, settings), leaving]}>
      {me && <Avatar user={me} size="sm" />}
      <span class="account-name">{name}</span>
    </Menu>
  );
}

/** The same choices before signing in. */
export function ThemeAndLanguage({ t, settings }: { t: T; settings: Settings }) {
  return (
    <div class="sign-in-settings">
      <Menu label={t("language")} worded class="cs-button" sections={[languages(t, settings)]}>
        <Globe />
        {LANGUAGES[settings.locale]}
      </Menu>
      <Menu label={t("theme")} class="cs-icon-button" sections={[themes(t, settings)]}>
        {THEMES[settings.theme][1]}
      </Menu>
    </div>
  );
}
