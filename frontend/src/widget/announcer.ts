/**
 * Tells screen readers what happened, in a live region of its own: the log itself changes with each piece of an answer,
 * and would be read out in shreds.
 */
export class Announcer {
  readonly region = document.createElement("div");
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.region.className = "cs-hidden";
    this.region.setAttribute("aria-live", "polite");
  }

  /** What comes within a moment is said in one breath. */
  say(text: string): void {
    if (!text) return;
    this.#waiting.push(text);
    this.#timer ??= setTimeout(() => this.#flush(), 400);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    const said = document.createElement("p");
    said.textContent = this.#waiting.join("\n");
    this.#waiting = [];
    this.region.replaceChildren(said);
  }
}
