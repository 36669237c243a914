/** What every component of the console may use, besides what the shell gives. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { AccountSite } from "../shell/account.ts";
import { defineTexts, type Translate } from "../ui/texts.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Navigate } from "./route.ts";
import { en } from "./texts.en.ts";
import { zh } from "./texts.zh.ts";
import type { Collection } from "./types.ts";

export const texts = defineTexts({ en, "zh-CN": zh });
export type T = Translate<typeof en>;

export interface Console {
  readonly knowledge: Knowledge;
  readonly t: T;
  /** The path of the console, with a slash at its end. */
  readonly base: string;
  readonly navigate: Navigate;
  /** The sites that are managed here. */
  readonly sites: readonly AccountSite[];
  /** By name. */
  readonly collections: readonly Collection[];
  /** Asks for the collections anew: one has changed, or holds more. */
  reloadCollections(): void;
}

export const ConsoleContext = createContext<Console | null>(null);

export function useConsole(): Console {
  const context = useContext(ConsoleContext);
  if (!context) throw new Error("outside of the console");
  return context;
}
