/** The sound of new messages: off until the visitor switches it on. */
import type { KeyValueStore } from "../sdk/index.ts";

export class Sound {
  readonly #storage: KeyValueStore;
  readonly #key: string;

  constructor(storage: KeyValueStore, site: string) {
    this.#storage = storage;
    this.#key = `chatserver:sound:${site}`;
  }

  get on(): boolean {
    return this.#storage.getItem(this.#key) === "1";
  }

  set on(on: boolean) {
    this.#storage.setItem(this.#key, on ? "1" : "0");
    this.play(); // how it sounds; and browsers let pages sound only after a click
  }

  play(): void {
    if (this.on) import("./tone.ts").then(({ ring }) => ring()).catch(() => {}); // without a connection it stays quiet
  }
}
