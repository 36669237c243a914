import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ChatClient, cookie } from "../sdk/index.ts";
import { browserStorage } from "../ui/storage.ts";
import type { Locale } from "../ui/texts.ts";
import { type Shell as Context, ShellContext, texts } from "./context.ts";
import { SignIn } from "./SignIn.tsx";
import { type Place, Session } from "./session.ts";
import { type Settings, useSettings } from "./settings.ts";

export interface Visit {
  readonly settings: Settings;
  /** The session has ended: back to the form, which says so. */
  signInAgain(): void;
  signOut(): Promise<void>;
}

export interface ShellProps {
  place: Place;
  product: string;
  /** What the page's server knew; a wrong `true` is found out by the first connection. */
  signedIn: boolean;
  /** What this page is, for the server's operators: `name/version`. */
  agent: string;
  /** What one signs in for, said above the form. */
  lead(locale: Locale): string;
  children(visit: Visit): ComponentChildren;
}

/** A page of ours: who is signed in sees `children`, with a connection; who is not, the form. */
export function Shell({ place, product, signedIn, agent, lead, children }: ShellProps) {
  const settings = useSettings();
  const t = useMemo(() => texts.in(settings.locale), [settings.locale]);
  const session = useMemo(() => new Session(place), [place]);
  const connect = () =>
    new ChatClient({
      server: place.server,
      credentials: cookie(),
      client: agent,
      locale: settings.locale,
      storage: browserStorage("sessionStorage"),
    });
  const [client, setClient] = useState<ChatClient | null>(() => (signedIn ? connect() : null));
  const [ended, setEnded] = useState(false);
  useConnection(client, () => setClient(null));
  const context = useMemo<Context | null>(
    () => client && { client, api: session.api, session, t, place },
    [client, session, t, place],
  );
  if (!context) {
    return (
      <SignIn
        t={t}
        settings={settings}
        product={product}
        lead={ended ? t("signedOut") : lead(settings.locale)}
        signIn={async (username, password) => {
          await session.signIn(username, password);
          setEnded(false);
          setClient(connect());
        }}
      />
    );
  }
  return (
    <ShellContext.Provider value={context}>
      {children({
        settings,
        signInAgain() {
          setEnded(true);
          setClient(null);
        },
        async signOut() {
          await session.signOut().catch(() => {}); // the session may have ended already
          setClient(null);
        },
      })}
    </ShellContext.Provider>
  );
}

/** Connected while the page is open. `nobody`: the page was kept from a time when somebody was signed in. */
function useConnection(client: ChatClient | null, nobody: () => void): void {
  useEffect(() => {
    if (!client) return;
    const tryNow = () => document.visibilityState === "visible" && client.retryNow();
    const leave = client.subscribe(({ connection, epoch }) => {
      // Nothing is on screen yet that would be lost.
      if (epoch === null && connection.status === "refused" && connection.code === "unauthenticated") nobody();
    });
    // On `offline` too: a socket stays open without a network, and has to be asked whether it lives.
    const network = ["online", "offline"] as const;
    for (const event of network) addEventListener(event, tryNow);
    document.addEventListener("visibilitychange", tryNow);
    client.start();
    return () => {
      leave();
      for (const event of network) removeEventListener(event, tryNow);
      document.removeEventListener("visibilitychange", tryNow);
      client.stop();
    };
  }, [client]);
}
