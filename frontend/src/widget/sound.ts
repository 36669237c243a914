/** A short tone, made by the browser: no file to load, nothing for a content security policy to allow. */
import type { KeyValueStore } from "../sdk/index.ts";

const NOTES = [660, 880];

export class Sound {
  readonly #storage: KeyValueStore;
  readonly #key: string;
  #context: AudioContext | null = null;

  constructor(storage: KeyValueStore, site: string) {
    this.#storage = storage;
    this.#key = `chatserver:sound:${site}`;
  }

  /** Off until the visitor switches it on. */
  get on(): boolean {
    return this.#storage.getItem(this.#key) === "1";
  }

  set on(on: boolean) {
    this.#storage.setItem(this.#key, on ? "1" : "0");
    if (on) this.play(); // how it sounds; and browsers let pages sound only after a click
  }

  play(): void {
    if (!this.on) return;
    try {
      this.#context ??= new AudioContext();
      const { currentTime, destination } = this.#context;
      void this.#context.resume();
      for (const [index, note] of NOTES.entries()) this.#tone(note, currentTime + index * 0.12, destination);
    } catch {
      // No audio device, or too many contexts on the page.
    }
  }

  close(): void {
    void this.#context?.close();
  }

  #tone(frequency: number, start: number, destination: AudioNode): void {
    if (!this.#context) return;
    const tone = this.#context.createOscillator();
    const volume = this.#context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.08, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, start + 0.25);
    tone.connect(volume).connect(destination);
    tone.start(start);
    tone.stop(start + 0.26);
  }
}
