/** Who one is to the server, and how that is renewed. */
import { ChatError } from "./errors.ts";
import { Api } from "./http.ts";
import { type Fetch, forgiving, type KeyValueStore } from "./platform.ts";
import type { RoomId } from "./state.ts";

export interface Credentials {
  /**
   * A token for `hello` or `auth.refresh`, fresh each time; null where the handshake's cookie says who it is.
   * Throws `ChatError`: `unauthenticated`, `forbidden` and `not_found` mean that asking again is of no use.
   */
  token(): Promise<string | null>;
}

/** For pages of the server itself: its session cookie goes along with the handshake. */
export function cookie(): Credentials {
  return { token: async () => null };
}

/** The answer to `POST /api/v1/widget/session`. */
export interface VisitorSession {
  readonly ticket: string;
  readonly visitor: string;
  /** The visitor's conversation: the latest, or the new one. */
  readonly room: RoomId;
  readonly site: {
    readonly name: string;
    readonly assistant: string;
    readonly greeting: string;
    readonly suggestions: readonly string[];
    readonly theme: Readonly<Record<string, unknown>>;
    readonly locale: string;
  };
}

export interface VisitorOptions {
  readonly server: string | URL;
  /** The site's key. */
  readonly site: string;
  /** Keeps who the visitor is, so that a return finds the same conversations. */
  readonly storage?: KeyValueStore | undefined;
  readonly locale?: string | undefined;
  /** A JWT that the host site's back end signed, or what gets one. */
  readonly identity?: string | (() => Promise<string>) | null | undefined;
  readonly fetch?: Fetch;
}

/** A visitor of a site that has the widget: anonymous, or vouched for by the site. */
export class VisitorCredentials implements Credentials {
  /** What the server said last. */
  latest: VisitorSession | null = null;
  private readonly options: VisitorOptions;
  private readonly storage: KeyValueStore;
  private readonly api: Api;
  private readonly key: string;

  constructor(options: VisitorOptions) {
    this.options = options;
    this.storage = forgiving(options.storage);
    this.api = new Api({ server: options.server, fetch: options.fetch });
    this.key = `chatserver:visitor:${options.site}`;
  }

  /** Asks for a ticket. `fresh`: and for a new conversation. Throws `ChatError`. */
  async session({ fresh = false }: { fresh?: boolean } = {}): Promise<VisitorSession> {
    const { site, locale, identity } = this.options;
    const visitor = this.storage.getItem(this.key);
    const signed = typeof identity === "function" ? await identity() : identity;
    const session = await this.api.call<VisitorSession>("POST", "widget/session", {
      site,
      ...(visitor ? { visitor } : {}),
      ...(signed ? { identity: signed } : {}),
      ...(locale ? { locale } : {}),
      ...(fresh ? { fresh } : {}),
    });
    if (session.visitor) this.storage.setItem(this.key, session.visitor);
    this.latest = session;
    return session;
  }

  async token(): Promise<string> {
    return (await this.session()).ticket;
  }

  /** From now on somebody else. */
  forget(): void {
    this.storage.removeItem(this.key);
    this.latest = null;
  }
}

interface Pair {
  readonly access: string;
  readonly refresh: string;
  readonly expires_in: number;
}

/** For apps: a short-lived access token, renewed with a refresh token that changes each time. */
export class TokenCredentials implements Credentials {
  private readonly storage: KeyValueStore;
  private readonly api: Api;
  private static readonly key = "chatserver:refresh";
  private pending: Promise<string> | null = null;

  constructor(options: { server: string | URL; storage?: KeyValueStore; fetch?: Fetch }) {
    this.storage = forgiving(options.storage);
    this.api = new Api({ server: options.server, fetch: options.fetch });
  }

  get signedIn(): boolean {
    return this.storage.getItem(TokenCredentials.key) !== null;
  }

  /** Throws `ChatError`: `unauthenticated` for a wrong name or password. */
  async signIn(username: string, password: string): Promise<void> {
    this.keep(await this.api.call<Pair>("POST", "auth/token", { username, password }));
  }

  async signOut(): Promise<void> {
    const refresh = this.storage.getItem(TokenCredentials.key);
    this.storage.removeItem(TokenCredentials.key);
    if (refresh !== null) await this.api.call("POST", "auth/revoke", { refresh });
  }

  /** One renewal at a time: using a refresh token twice would revoke them all. */
  token(): Promise<string> {
    this.pending ??= this.renew().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  private async renew(): Promise<string> {
    const refresh = this.storage.getItem(TokenCredentials.key);
    if (refresh === null) throw new ChatError("unauthenticated", "Sign in first.");
    return this.keep(await this.api.call<Pair>("POST", "auth/refresh", { refresh }));
  }

  private keep(pair: Pair): string {
    this.storage.setItem(TokenCredentials.key, pair.refresh);
    return pair.access;
  }
}
