/** The script that pages include. It is on every page view, so it is small: the rest comes when it is needed. */
import { expose } from "./api.ts";
import { ownScript, readConfig } from "./config.ts";
import { elementClass } from "./element.ts";
import { Widget } from "./widget.ts";

export function run(script: HTMLScriptElement | null): void {
  if (!script) return console.error("Chatserver: the script tag with data-site was not found.");
  // The colours of all parts stand on it: in browsers from before 2024, nothing could be read.
  if (!CSS.supports("color", "light-dark(red, red)")) return console.warn("Chatserver: this browser is too old.");
  try {
    const config = readConfig(script);
    const { owner } = elementClass();
    if (owner) return owner.adopt(config.site);
    const widget = new Widget(config);
    expose(widget);
    widget.start();
  } catch (error) {
    console.error(`Chatserver: ${error instanceof Error ? error.message : error}`);
  }
}

run(ownScript(document));
