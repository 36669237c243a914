import "../ui/tokens.css";
import "../ui/parts.css";
import "../shell/styles/shell.css";
import { render } from "preact";
import { Shell } from "../shell/Shell.tsx";
import { placeOf } from "../shell/session.ts";

const root = document.getElementById("app");
if (root) {
  const place = placeOf("/", location.origin, "console");
  root.replaceChildren();
  render(
    <Shell place={place} product="x" signedIn agent="console/1.0" lead={() => ""}>
      {() => null}
    </Shell>,
    root,
  );
}
