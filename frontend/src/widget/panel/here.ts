/** What every part of the panel may need. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { State } from "../../sdk/index.ts";
import { useClientState } from "../../ui/hooks.ts";
import type * as Conversation from "../conversation/index.ts";
import type { Host } from "../host.ts";
import type { Sound } from "../sound.ts";
import type { Translate } from "../texts.ts";
import type { Visit } from "../visit.ts";

export interface Here {
  readonly host: Host;
  readonly visit: Visit;
  readonly sound: Sound;
  readonly t: Translate;
  /** Shows conversations; null until it is here. */
  readonly conversation: typeof Conversation | null;
  readonly loading: boolean;
  load(): void;
  /** Says something to screen readers. */
  say(text: string): void;
  /** Become a visitor anew, after a refusal. */
  restart(): void;
}

export const HereContext = createContext<Here | null>(null);

export function useHere(): Here {
  const here = useContext(HereContext);
  if (here === null) throw new Error("outside of the panel");
  return here;
}

/** A part of the visit; the component renders again when it changes. */
export function useVisit<T>(select: (visit: Visit, state: State) => T, equal?: (a: T, b: T) => boolean): T {
  const { visit } = useHere();
  return useClientState(visit, (state) => select(visit, state), equal);
}
