/** Where the page comes from, and who is signed in: a matter of the session cookie. */
import { Api } from "../sdk/index.ts";

export interface Place {
  /** The address of the server, with a slash at its end. */
  readonly server: string;
  /** The path of the app, with a slash at its end. */
  readonly base: string;
}

/** `root` is the path below which the server lives, with a slash at its end; the page's shell says it. */
export function placeOf(root: string, origin: string): Place {
  return { server: new URL(root, origin).href, base: `${root}app/` };
}

/** Django's cookie against forged requests; it changes with each sign-in. */
export function csrfToken(cookies: string): string {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(cookies)?.[1] ?? "";
}

export class Session {
  readonly api: Api;
  private readonly base: string;

  constructor({ server, base }: Place) {
    this.base = base;
    this.api = new Api({ server, cookies: true, headers: () => ({ "X-CSRFToken": csrfToken(document.cookie) }) });
  }

  /** Throws `ChatError`: `unauthenticated` for a wrong name or password. */
  async signIn(username: string, password: string): Promise<void> {
    // The page brought that cookie; somebody may have deleted it since.
    if (csrfToken(document.cookie) === "") await fetch(this.base, { method: "HEAD" }).catch(() => {});
    await this.api.call("POST", "auth/login", { username, password });
  }

  async signOut(): Promise<void> {
    await this.api.call("POST", "auth/logout");
  }
}
