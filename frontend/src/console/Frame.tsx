import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useShell } from "../shell/context.ts";
import { AccountMenu } from "../shell/SettingsMenu.tsx";
import type { Visit } from "../shell/Shell.tsx";
import { useVisibleHeight } from "../ui/hooks.ts";
import { Books, Chat, Document, Folder, Globe, Question, Search } from "../ui/icons.tsx";
import { CollectionsPage } from "./collections/CollectionsPage.tsx";
import { useConsole } from "./context.ts";
import { DocumentPage } from "./document/DocumentPage.tsx";
import { DocumentsPage } from "./documents/DocumentsPage.tsx";
import { GapsPage } from "./gaps/GapsPage.tsx";
import { Link } from "./parts/Link.tsx";
import { DOCUMENTS, pathOf, type Route } from "./route.ts";
import { SearchPage } from "./search/SearchPage.tsx";
import { WebPage } from "./web/WebPage.tsx";

const PLACES = [
  { route: DOCUMENTS, label: "documents", icon: <Document /> },
  { route: { page: "web" }, label: "web", icon: <Globe /> },
  { route: { page: "search", query: "", collection: "" }, label: "search", icon: <Search /> },
  { route: { page: "collections" }, label: "collections", icon: <Folder /> },
  { route: { page: "gaps" }, label: "gaps", icon: <Question /> },
] as const satisfies readonly { route: Route; label: string; icon: ComponentChildren }[];

/** The ways through the console at the side, below the page on a phone; and the page. */
export function Frame({ route, product, visit }: { route: Route; product: string; visit: Visit }) {
  const { t, base } = useConsole();
  const { place } = useShell();
  const [frame, setFrame] = useState<HTMLElement | null>(null);
  useVisibleHeight(frame);
  const shown = route.page === "document" ? "documents" : route.page;
  useEffect(() => {
    document.title = `${t(shown)} – ${product}`;
  }, [shown, t, product]);
  const rooms = { label: t("toRooms"), icon: <Chat />, onSelect: () => location.assign(place.path("app")) };
  return (
    <div class="console" ref={setFrame}>
      <a class="skip" href="#page">
        {t("skip")}
      </a>
      <header class="console-head">
        <Books />
        <span>{product}</span>
      </header>
      <nav class="console-nav" aria-label={t("knowledge")}>
        <ul class="console-places">
          {PLACES.map((each) => (
            <li key={each.label}>
              <Link class="console-place" to={each.route} current={shown === each.label}>
                {each.icon}
                <span>{t(each.label)}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div class="console-foot">
        <AccountMenu settings={visit.settings} ways={[rooms]} signOut={visit.signOut} />
      </div>
      <Page key={pathOf(route, base).split("?")[0]} route={route} />
    </div>
  );
}

/** What is new on the screen is where the keyboard goes on. */
function Page({ route }: { route: Route }) {
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    // Not when the page has just been opened: there the browser begins at the top by itself.
    if (moved) main.current?.focus({ preventScroll: true });
    moved = true;
  }, []);
  return (
    <main class="console-page" id="page" ref={main} tabIndex={-1}>
      <div class="console-column">{pageOf(route)}</div>
    </main>
  );
}

let moved = false;

function pageOf(route: Route) {
  switch (route.page) {
    case "documents":
      return <DocumentsPage collection={route.collection} source={route.source} />;
    case "document":
      return <DocumentPage id={route.id} chunk={route.chunk} />;
    case "search":
      return <SearchPage query={route.query} collection={route.collection} />;
    case "web":
      return <WebPage />;
    case "collections":
      return <CollectionsPage />;
    case "gaps":
      return <GapsPage />;
  }
}
