/** What every component of our own pages may use: the rooms app's and the console's. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api, ChatClient, User } from "../sdk/index.ts";
import { useClientState } from "../ui/hooks.ts";
import { defineTexts, type Translate } from "../ui/texts.ts";
import type { Place, Session } from "./session.ts";
import { en } from "./texts.en.ts";
import { zh } from "./texts.zh.ts";

export const texts = defineTexts({ en, "zh-CN": zh });
export type T = Translate<typeof en>;

export interface Shell {
  readonly client: ChatClient;
  readonly api: Api;
  readonly session: Session;
  readonly t: T;
  readonly place: Place;
}

export const ShellContext = createContext<Shell | null>(null);

export function useShell(): Shell {
  const shell = useContext(ShellContext);
  if (!shell) throw new Error("outside of the shell");
  return shell;
}

/** Who is signed in; null until the server has said so. */
export function useMe(): User | null {
  const { client } = useShell();
  return useClientState(client, (state) => state.user);
}
