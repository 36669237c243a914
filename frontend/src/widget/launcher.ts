/** The round button in the corner, with its badge and what it says when the chat cannot be loaded. No framework. */
import type { LABELS } from "./labels.ts";

const SVG = "http://www.w3.org/2000/svg";
const BUBBLE =
  "M4.5 4h11c.8 0 1.5.7 1.5 1.5v7c0 .8-.7 1.5-1.5 1.5H9l-4 3v-3h-.5c-.8 0-1.5-.7-1.5-1.5v-7C3 4.7 3.7 4 4.5 4z";
const CROSS = "m5 5 10 10M15 5 5 15";

export type LauncherState = "closed" | "loading" | "open" | "failed";
type Labels = ReturnType<(typeof LABELS)["in"]>;

export class Launcher {
  readonly button = document.createElement("button");
  readonly #icon = document.createElementNS(SVG, "path");
  readonly #badge = document.createElement("span");
  readonly #notice = document.createElement("div");
  #state: LauncherState = "closed";
  #unread = 0;
  #labels: Labels;

  /** `wanted`: the visitor may be about to open the chat. */
  constructor(shadow: ShadowRoot, labels: Labels, on: { toggle(): void; wanted(): void }) {
    this.#labels = labels;
    const { button } = this;
    button.type = "button";
    button.className = "launcher";
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", on.toggle);
    button.addEventListener("pointerenter", on.wanted);
    button.addEventListener("focus", on.wanted);

    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 20 20");
    svg.setAttribute("aria-hidden", "true");
    svg.append(this.#icon);
    this.#badge.className = "badge";
    this.#badge.setAttribute("aria-hidden", "true"); // the label says it
    this.#notice.className = "notice";
    this.#notice.setAttribute("role", "alert");
    button.append(svg, this.#badge);
    shadow.append(button, this.#notice);
    this.#show();
  }

  set labels(labels: Labels) {
    this.#labels = labels;
    this.#show();
  }

  set state(state: LauncherState) {
    this.#state = state;
    this.#show();
  }

  set unread(count: number) {
    this.#unread = count;
    this.#show();
  }

  #show(): void {
    const open = this.#state === "open";
    const t = this.#labels;
    const label = open
      ? t("launcherClose")
      : this.#unread > 0
        ? t("launcherUnread", { count: this.#unread })
        : t("launcher");
    this.button.setAttribute("aria-label", label);
    this.button.setAttribute("aria-expanded", String(open));
    this.button.setAttribute("aria-busy", String(this.#state === "loading"));
    this.#icon.setAttribute("d", open ? CROSS : BUBBLE);
    this.#badge.hidden = open || this.#unread === 0;
    this.#badge.textContent = this.#unread > 99 ? "99+" : String(this.#unread);
    this.#notice.hidden = this.#state !== "failed";
    this.#notice.textContent = this.#state === "failed" ? t("loadFailed") : "";
  }
}
