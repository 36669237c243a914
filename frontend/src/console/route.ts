/** Where in the console one is; each place has an address that can be kept and passed on. */
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { readonly page: "documents"; readonly collection: string; readonly source: string }
  /** `chunk`: the ordinal of the one to show. */
  | { readonly page: "document"; readonly id: string; readonly chunk: number | null }
  | { readonly page: "search"; readonly query: string; readonly collection: string }
  | { readonly page: "web" }
  | { readonly page: "collections" }
  | { readonly page: "gaps" };

export type Navigate = (route: Route, how?: { replace?: boolean }) => void;

/** All of them. */
export const DOCUMENTS = { page: "documents", collection: "", source: "" } as const satisfies Route;

const ID = /^[0-9a-f-]{36}$/;
const ROOT = "knowledge";

function id(value: string | null): string {
  return value && ID.test(value) ? value : "";
}

/** `base` is the path of the console, with a slash at its end; what is unknown leads to the documents. */
export function parseRoute({ pathname, search }: { pathname: string; search: string }, base: string): Route {
  const [root, page, rest, ...more] = pathname.startsWith(base) ? pathname.slice(base.length).split("/") : [];
  const query = new URLSearchParams(search);
  if (root !== ROOT || more.length > 0) return DOCUMENTS;
  if (page === "documents" && rest && ID.test(rest)) {
    const chunk = query.get("chunk");
    return { page: "document", id: rest, chunk: chunk && /^\d{1,9}$/.test(chunk) ? Number(chunk) : null };
  }
  switch (page) {
    case "search":
      return { page, query: query.get("q") ?? "", collection: id(query.get("collection")) };
    case "web":
    case "collections":
    case "gaps":
      return { page };
    default:
      return { ...DOCUMENTS, collection: id(query.get("collection")), source: id(query.get("source")) };
  }
}

export function pathOf(route: Route, base: string): string {
  switch (route.page) {
    case "documents":
      return base + ROOT + asQuery({ collection: route.collection, source: route.source });
    case "document":
      return `${base}${ROOT}/documents/${route.id}${asQuery({ chunk: route.chunk === null ? "" : String(route.chunk) })}`;
    case "search":
      return `${base}${ROOT}/search${asQuery({ q: route.query, collection: route.collection })}`;
    case "web":
    case "collections":
    case "gaps":
      return `${base}${ROOT}/${route.page}`;
  }
}

function asQuery(values: Record<string, string>): string {
  const given = Object.entries(values).filter(([, value]) => value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

export function useRoute(base: string): [Route, Navigate] {
  const [route, set] = useState(() => parseRoute(location, base));
  useEffect(() => {
    const moved = () => set(parseRoute(location, base));
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, [base]);
  const [navigate] = useState(() => (next: Route, { replace = false }: { replace?: boolean } = {}) => {
    const path = pathOf(next, base);
    if (path !== location.pathname + location.search) history[replace ? "replaceState" : "pushState"](null, "", path);
    set(next);
  });
  return [route, navigate];
}
