/** The console: takes the place of what the page's shell shows until this script runs. */
import "../ui/tokens.css";
import "../ui/parts.css";
import "../ui/markdown/markdown.css";
import "../shell/styles/shell.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/documents.css";
import "./styles/passages.css";
import "./styles/cards.css";
import { render } from "preact";
import { placeOf } from "../shell/session.ts";
import { Console } from "./Console.tsx";

const root = document.getElementById("app");
if (root) {
  const { base = "/", signedIn } = document.documentElement.dataset;
  const place = placeOf(base, location.origin, "console");
  root.replaceChildren();
  render(<Console place={place} product={document.title} signedIn={signedIn !== "no"} />, root);
}
