import { useMemo } from "preact/hooks";
import { useShell } from "../shell/context.ts";
import { Shell, type Visit } from "../shell/Shell.tsx";
import type { Place } from "../shell/session.ts";
import { AppContext, type App as Context, texts } from "./context.ts";
import { Rooms } from "./Rooms.tsx";
import { useRoute } from "./route.ts";

export function App({ place, product, signedIn }: { place: Place; product: string; signedIn: boolean }) {
  return (
    <Shell
      place={place}
      product={product}
      signedIn={signedIn}
      agent="rooms/1.0"
      lead={(locale) => texts.in(locale)("signInLead")}
    >
      {(visit) => <SignedIn visit={visit} product={product} />}
    </Shell>
  );
}

function SignedIn({ visit, product }: { visit: Visit; product: string }) {
  const { client, api, place } = useShell();
  const { settings, signInAgain, signOut } = visit;
  const t = useMemo(() => texts.in(settings.locale), [settings.locale]);
  const [route, navigate] = useRoute(place.base);
  const context = useMemo<Context>(
    () => ({ client, api, t, base: place.base, navigate }),
    [client, api, t, place, navigate],
  );
  return (
    <AppContext.Provider value={context}>
      <Rooms
        route={route}
        product={product}
        settings={settings}
        signInAgain={signInAgain}
        signOut={async () => {
          await signOut();
          navigate({ room: null }, { replace: true });
        }}
      />
    </AppContext.Provider>
  );
}
