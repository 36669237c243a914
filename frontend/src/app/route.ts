/** Where in the app one is: `BASE` (the list) or `BASE` + `r/ROOM`, with `#MESSAGE` to begin at one. */
import { useEffect, useState } from "preact/hooks";
import type { MessageId, RoomId } from "../sdk/index.ts";

export interface Route {
  readonly room: RoomId | null;
}

/** `replace`: without a step to go back to. */
export type Navigate = (route: Route, how?: { replace?: boolean }) => void;

const MESSAGE = /^#([0-9a-f-]{36})$/;
const ROOM = /^r\/([0-9a-f-]{36})\/?$/;

/** `base` is the path of the app, with a slash at its end. */
export function parseRoute(path: string, base: string): Route {
  return { room: path.startsWith(base) ? (ROOM.exec(path.slice(base.length))?.[1] ?? null) : null };
}

export function pathOf(route: Route, base: string): string {
  return route.room === null ? base : `${base}r/${route.room}`;
}

/** The message that an address names behind its `#`: a link to it from elsewhere. */
export function linkedMessage(hash: string): MessageId | null {
  return MESSAGE.exec(hash)?.[1] ?? null;
}

export function useRoute(base: string): [Route, Navigate] {
  const [route, set] = useState(() => parseRoute(location.pathname, base));
  useEffect(() => {
    const moved = () => set(parseRoute(location.pathname, base));
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, [base]);
  const [navigate] = useState(() => (next: Route, { replace = false }: { replace?: boolean } = {}) => {
    const path = pathOf(next, base);
    if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
    set(next);
  });
  return [route, navigate];
}
