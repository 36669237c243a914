/** Brings the core in, once. */
import type { CoreModule } from "./host.ts";

/** The name of the core's file, put in by the build; relative to the server. */
declare const __CORE__: string;

export type Import = (url: string) => Promise<CoreModule>;

const dynamicImport: Import = (url) => import(/* @vite-ignore */ url) as Promise<CoreModule>;

export class CoreLoader {
  readonly #url: string;
  readonly #import: Import;
  #pending: Promise<CoreModule> | null = null;

  constructor(server: string, load: Import = dynamicImport) {
    this.#url = new URL(__CORE__, server).href;
    this.#import = load;
  }

  /** Rejects when it cannot be had; the next call tries again. */
  load(): Promise<CoreModule> {
    this.#pending ??= this.#import(this.#url).catch((error: unknown) => {
      this.#pending = null;
      throw error;
    });
    return this.#pending;
  }
}

export function whenIdle(act: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(act, { timeout: 5000 });
  else setTimeout(act, 1500); // Safari
}
