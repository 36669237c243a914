import { useEffect, useMemo, useState } from "preact/hooks";
import { ChatClient, cookie } from "../sdk/index.ts";
import { browserStorage } from "../ui/storage.ts";
import { AppContext, type App as Context, texts } from "./context.ts";
import { Rooms } from "./Rooms.tsx";
import { useRoute } from "./route.ts";
import { SignIn } from "./SignIn.tsx";
import { type Place, Session } from "./session.ts";
import { useSettings } from "./settings.ts";

export function App({ place, product, signedIn }: { place: Place; product: string; signedIn: boolean }) {
  const settings = useSettings();
  const t = useMemo(() => texts.in(settings.locale), [settings.locale]);
  const session = useMemo(() => new Session(place), [place]);
  const [route, navigate] = useRoute(place.base);
  const connect = () =>
    new ChatClient({
      server: place.server,
      credentials: cookie(),
      client: "rooms/1.0",
      locale: settings.locale,
      storage: browserStorage("sessionStorage"),
    });
  const [client, setClient] = useState<ChatClient | null>(() => (signedIn ? connect() : null));
  const [ended, setEnded] = useState(false);

  useEffect(() => {
    if (!client) return;
    const tryNow = () => document.visibilityState === "visible" && client.retryNow();
    const leave = client.subscribe(({ connection, epoch }) => {
      // Nothing is on screen yet that would be lost: the page was kept from a time when somebody was signed in.
      if (epoch === null && connection.status === "refused" && connection.code === "unauthenticated") setClient(null);
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

  const context = useMemo<Context | null>(
    () => client && { client, api: session.api, t, base: place.base, navigate },
    [client, session, t, place, navigate],
  );
  if (!context) {
    return (
      <SignIn
        t={t}
        settings={settings}
        product={product}
        notice={ended ? t("signedOut") : null}
        signIn={async (username, password) => {
          await session.signIn(username, password);
          setEnded(false);
          setClient(connect());
        }}
      />
    );
  }
  return (
    <AppContext.Provider value={context}>
      <Rooms
        route={route}
        product={product}
        settings={settings}
        signInAgain={() => {
          setEnded(true);
          setClient(null);
        }}
        signOut={async () => {
          await session.signOut().catch(() => {}); // the session may have ended already
          navigate({ room: null }, { replace: true });
          setClient(null);
        }}
      />
    </AppContext.Provider>
  );
}
