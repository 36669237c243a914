/**
 * What the loader, which is on every page, and the core, which comes when it is needed, know of each other. Pages may hold a
 * loader for some minutes longer than the server holds its core: changes here must fit the release before.
 */

import type { KeyValueStore } from "../sdk/platform.ts";
import type { Entry } from "../ui/texts.ts";
import type { Config } from "./config.ts";
import type { EventName, WidgetEvents } from "./events.ts";
import type { SiteInfo } from "./site.ts";

/** A JWT that the page's back end signed, or how to get one; null: nobody is signed in. */
export type Identity = string | (() => string | Promise<string>) | null;

/** Texts of further languages, by language tag and name, as in the file that `data-texts` names. */
export type MoreTexts = Readonly<Record<string, Readonly<Record<string, Entry>>>>;

/** The loader's side. */
export interface Host {
  readonly config: Config;
  /** Null when the server could not be asked. */
  readonly site: SiteInfo | null;
  readonly locale: string;
  readonly moreTexts: MoreTexts;
  readonly element: HTMLElement;
  readonly shadow: ShadowRoot;
  readonly local: KeyValueStore;
  readonly session: KeyValueStore;
  readonly opened: boolean;
  /** Undefined: the page has not said who is here. */
  readonly identity: Identity | undefined;
  close(): void;
  emit<N extends EventName>(event: N, detail: WidgetEvents[N]): void;
  /** The number on the launcher. */
  unread(count: number): void;
  /** The server wants no widget on this page: say so to its developer and go. */
  refuse(code: string, message: string): void;
  /** Give rules to the shadow root. */
  style(css: string): void;
}

/** The core's side. */
export interface Core {
  /** The panel was opened; `focus`: by the visitor, who wants to write now. */
  open(focus: boolean): void;
  close(): void;
  identify(identity: Identity): void;
  destroy(): void;
}

export interface CoreModule {
  mount(host: Host): Core;
}

/** Where the visitor's token is kept: by its presence the loader knows who has been here before. */
export const visitorKey = (site: string): string => `chatserver:visitor:${site}`;
/** The page's own id for who was signed in last; then the visitor's token alone says nothing. */
export const knownKey = (site: string): string => `chatserver:known:${site}`;
