/** The rooms app: takes the place of what the page's shell shows until this script runs. */
import "../ui/tokens.css";
import "../ui/parts.css";
import "../ui/markdown/markdown.css";
import "../shell/styles/shell.css";
import "./styles/frame.css";
import "./styles/list.css";
import "./styles/room.css";
import "./styles/message.css";
import "./styles/panel.css";
import { render } from "preact";
import { placeOf } from "../shell/session.ts";
import { App } from "./App.tsx";
import { registerWorker } from "./pwa.ts";

const root = document.getElementById("app");
if (root) {
  const { base = "/", signedIn } = document.documentElement.dataset;
  const place = placeOf(base, location.origin, "app");
  root.replaceChildren();
  // The shell that the service worker keeps does not know who asks: then the server says it.
  render(<App place={place} product={document.title} signedIn={signedIn !== "no"} />, root);
  registerWorker(place.base);
}
