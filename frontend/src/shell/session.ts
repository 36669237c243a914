/** Where the page comes from, and who is signed in: a matter of the session cookie. */
import { Api, address } from "../sdk/index.ts";
import { upload } from "./upload.ts";

/** Our own pages, by the paths that the server gives them. */
export type PageName = "app" | "console";

export interface Place {
  /** The address of the server, with a slash at its end. */
  readonly server: string;
  /** The path of this page, with a slash at its end. */
  readonly base: string;
  /** The path of a page of ours, with a slash at its end. */
  path(page: PageName): string;
}

/** `root` is the path below which the server lives, with a slash at its end; the page's shell says it. */
export function placeOf(root: string, origin: string, page: PageName): Place {
  const path = (name: PageName) => `${root}${name}/`;
  return { server: new URL(root, origin).href, base: path(page), path };
}

/** Django's cookie against forged requests; it changes with each sign-in. */
export function csrfToken(cookies: string): string {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(cookies)?.[1] ?? "";
}

export class Session {
  readonly api: Api;
  private readonly place: Place;

  constructor(place: Place) {
    this.place = place;
    this.api = new Api({ server: place.server, cookies: true, headers });
  }

  /** Throws `ChatError`: `unauthenticated` for a wrong name or password. */
  async signIn(username: string, password: string): Promise<void> {
    // The page brought that cookie; somebody may have deleted it since.
    if (csrfToken(document.cookie) === "") await fetch(this.place.base, { method: "HEAD" }).catch(() => {});
    await this.api.call("POST", "auth/login", { username, password });
  }

  async signOut(): Promise<void> {
    await this.api.call("POST", "auth/logout");
  }

  /** Sends a form with a file; `path` is relative to `/api/v1/`, `sent` hears of the bytes. Throws `ChatError`. */
  upload<T>(path: string, body: FormData, sent: (bytes: number) => void, signal: AbortSignal): Promise<T> {
    const url = address(this.place.server, `api/v1/${path}`);
    return upload<T>({ url, headers: headers(), body, sent, signal });
  }
}

function headers(): Record<string, string> {
  return { "X-CSRFToken": csrfToken(document.cookie) };
}
