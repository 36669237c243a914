/** The widget of a page: its element and launcher, whether it is open, and the core once that is here. */
import type { KeyValueStore } from "../sdk/platform.ts";
import { browserStorage } from "../ui/storage.ts";
import type { Config } from "./config.ts";
import { CoreLoader, whenIdle } from "./core-loader.ts";
import { elementClass, makeElement, type Owner } from "./element.ts";
import { Emitter, type EventName, type WidgetEvents } from "./events.ts";
import { type Core, type Host, type Identity, knownKey, type MoreTexts, visitorKey } from "./host.ts";
import { direction, fetchTexts, LABELS, pickLocale, textsFor } from "./labels.ts";
import css from "./launcher.css?inline";
import { Launcher } from "./launcher.ts";
import { askSite, explain, Refused, type SiteInfo } from "./site.ts";
import { themeRules } from "./theme.ts";

export class Widget implements Host, Owner {
  readonly config: Config;
  readonly element = makeElement();
  readonly shadow = this.element.attachShadow({ mode: "open" });
  readonly events = new Emitter();
  readonly local: KeyValueStore = browserStorage("localStorage");
  readonly session: KeyValueStore = browserStorage("sessionStorage");
  site: SiteInfo | null = null;
  locale = "en";
  moreTexts: MoreTexts = {};
  opened = false;
  identity: Identity | undefined = undefined;
  readonly #openKey: string;
  readonly #loader: CoreLoader;
  readonly #launcher: Launcher;
  readonly #accepted: Promise<boolean>;
  #core: Core | null = null;
  #gone = false;

  constructor(config: Config, loader = new CoreLoader(config.server)) {
    this.config = config;
    this.#loader = loader;
    this.#openKey = `chatserver:open:${config.site}`;
    this.style(css);
    this.#launcher = new Launcher(this.shadow, LABELS.in("en"), {
      toggle: () => this.toggle(),
      wanted: () => void this.#loader.load().catch(() => {}), // only ahead of time: opening says if it fails
    });
    this.element.hidden = true;
    this.#applyLook();
    elementClass().owner = this;
    this.#accepted = this.#ask();
  }

  /** Puts the element on the page and goes on as before the last page load. */
  start(): void {
    if (document.body) document.body.append(this.element);
    else document.addEventListener("DOMContentLoaded", () => this.#attach(), { once: true });
    const before = this.session.getItem(this.#openKey);
    if (before === "1" || (before === null && this.config.open)) this.#setOpen(true, false);
    else if (this.#known()) whenIdle(() => void this.#mount());
  }

  open(): void {
    this.#setOpen(true, true);
  }

  close(): void {
    if (!this.opened) return;
    const inside = this.shadow.activeElement !== null;
    this.#setOpen(false, false);
    if (inside) this.#launcher.button.focus();
  }

  toggle(): void {
    if (this.opened) this.close();
    else this.open();
  }

  identify(identity: Identity): void {
    this.identity = identity;
    if (this.#core) this.#core.identify(identity);
    else if (identity !== null) whenIdle(() => void this.#mount());
  }

  emit<N extends EventName>(event: N, detail: WidgetEvents[N]): void {
    this.events.emit(event, detail);
  }

  unread(count: number): void {
    this.#launcher.unread = count;
  }

  style(rules: string): void {
    // A constructed sheet: a strict Content-Security-Policy takes it for no inline style.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(rules);
    this.shadow.adoptedStyleSheets = [...this.shadow.adoptedStyleSheets, sheet];
  }

  refuse(code: string, message: string): void {
    if (this.#gone) return;
    console.error(explain({ code, message }, this.config.server, this.config.site));
    this.emit("error", { code, message });
    this.#remove();
  }

  destroy(): void {
    this.#remove();
    elementClass().owner = null;
  }

  adopt(site: string): void {
    if (site !== this.config.site) {
      console.warn(`Chatserver: a page has one widget; that of site "${this.config.site}" stays.`);
    }
    this.#attach();
  }

  disconnected(): void {
    // Not at once: whoever took it out may be about to put it elsewhere, or to put a new body in place.
    queueMicrotask(() => this.#attach());
  }

  #attach(): void {
    if (!this.#gone && !this.element.isConnected) (document.body ?? document.documentElement).append(this.element);
  }

  #remove(): void {
    this.#gone = true;
    this.opened = false;
    this.#core?.destroy();
    this.#core = null;
    this.element.remove();
  }

  /** Whether this visitor has been here before. One who was signed in then is only known once the page says so again. */
  #known(): boolean {
    const { site } = this.config;
    return this.local.getItem(visitorKey(site)) !== null && this.local.getItem(knownKey(site)) === null;
  }

  /** Whether the site wants a widget here. */
  async #ask(): Promise<boolean> {
    const { server, site, texts } = this.config;
    try {
      [this.site, this.moreTexts] = await Promise.all([askSite(server, site), texts ? fetchTexts(texts) : {}]);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refuse(error.code, error.message);
    }
    if (this.#gone) return false;
    this.#applyLook();
    if (this.site) this.style(themeRules(this.site.theme));
    this.element.hidden = false;
    this.emit("ready", { site });
    return true;
  }

  /** Language, direction, place and colours: what the tag says, else the page, else the site. */
  #applyLook(): void {
    const { config, element } = this;
    const theme = this.site?.theme ?? {};
    this.locale = pickLocale([config.locale, document.documentElement.lang, this.site?.locale], this.moreTexts);
    element.lang = this.locale;
    element.dir = direction(this.locale);
    element.dataset.position =
      config.position ?? known(theme.position, "left", "right") ?? (element.dir === "rtl" ? "left" : "right");
    element.dataset.theme = config.theme ?? known(theme.scheme, "light", "dark") ?? "auto";
    this.#launcher.labels = LABELS.in(this.locale, textsFor(this.locale, this.moreTexts));
  }

  #setOpen(open: boolean, byVisitor: boolean): void {
    if (this.#gone || this.opened === open) return;
    this.opened = open;
    this.session.setItem(this.#openKey, open ? "1" : "0");
    if (open) {
      this.#launcher.state = "loading";
      void this.#show(byVisitor);
    } else {
      this.#core?.close();
      this.#launcher.state = "closed";
      delete this.element.dataset.open;
      this.emit("close", {});
    }
  }

  async #show(focus: boolean): Promise<void> {
    const core = await this.#mount();
    if (!this.opened) return; // closed meanwhile
    if (!core) {
      this.opened = false;
      this.#launcher.state = "failed";
      return;
    }
    this.#launcher.state = "open";
    this.element.dataset.open = "";
    core.open(focus);
    this.emit("open", {});
  }

  /** The core, loaded and at work; null when it cannot be had. */
  async #mount(): Promise<Core | null> {
    if (!(await this.#accepted)) return null;
    try {
      const { mount } = await this.#loader.load();
      if (this.#gone) return null;
      this.#core ??= mount(this);
    } catch (error) {
      const message = `The chat could not be loaded from ${this.config.server}.`;
      console.error(`Chatserver: ${message} Does the page's Content-Security-Policy allow it?`, error);
      this.emit("error", { code: "unavailable", message });
    }
    return this.#core;
  }
}

function known<T extends string>(value: unknown, ...allowed: T[]): T | null {
  return allowed.find((one) => one === value) ?? null;
}
