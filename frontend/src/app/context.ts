/** What every component of the app may use, besides what the shell gives. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api, ChatClient } from "../sdk/index.ts";
import { defineTexts, type Translate } from "../ui/texts.ts";
import type { Navigate } from "./route.ts";
import { en } from "./texts.en.ts";
import { zh } from "./texts.zh.ts";

export const texts = defineTexts({ en, "zh-CN": zh });
export type T = Translate<typeof en>;

export interface App {
  readonly client: ChatClient;
  readonly api: Api;
  readonly t: T;
  /** The path of the app, with a slash at its end. */
  readonly base: string;
  readonly navigate: Navigate;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("outside of the app");
  return app;
}
