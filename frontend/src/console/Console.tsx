import { useEffect, useMemo, useState } from "preact/hooks";
import { type Account, useAccount } from "../shell/account.ts";
import { useShell } from "../shell/context.ts";
import { useLoaded } from "../shell/parts/action.ts";
import { Empty } from "../shell/parts/Empty.tsx";
import { Problem } from "../shell/parts/Problem.tsx";
import { Skeleton } from "../shell/parts/Skeleton.tsx";
import { Shell, type Visit } from "../shell/Shell.tsx";
import type { Place } from "../shell/session.ts";
import { useClientState } from "../ui/hooks.ts";
import { Books } from "../ui/icons.tsx";
import { ConsoleContext, type Console as Context, texts } from "./context.ts";
import { Frame } from "./Frame.tsx";
import { Knowledge } from "./knowledge.ts";
import { useRoute } from "./route.ts";
import type { Collection } from "./types.ts";

export function Console({ place, product, signedIn }: { place: Place; product: string; signedIn: boolean }) {
  return (
    <Shell
      place={place}
      product={product}
      signedIn={signedIn}
      agent="console/1.0"
      lead={(locale) => texts.in(locale)("signInLead")}
    >
      {(visit) => <SignedIn visit={visit} product={product} />}
    </Shell>
  );
}

/** Lets in who manages a site; the others are told where they can go. */
function SignedIn({ visit, product }: { visit: Visit; product: string }) {
  const { t: shell, client } = useShell();
  const { value: account, error, again } = useAccount();
  const refused = useClientState(
    client,
    ({ connection }) => connection.status === "refused" && connection.code === "unauthenticated",
  );
  useEffect(() => {
    if (refused) visit.signInAgain();
  }, [refused]);
  if (account?.admin) return <Managing visit={visit} account={account} product={product} />;
  return (
    <main class="console-alone">
      {account ? <NotYours visit={visit} /> : error ? <Problem error={error} onRetry={again} /> : null}
      {!account && !error && <Skeleton label={shell("loading")} />}
    </main>
  );
}

function NotYours({ visit }: { visit: Visit }) {
  const { place, t: shell } = useShell();
  const t = texts.in(visit.settings.locale);
  return (
    <Empty icon={<Books />} title={t("notYours")} lead={t("notYoursLead")}>
      <a class="cs-button" data-kind="primary" href={place.path("app")}>
        {t("toRooms")}
      </a>
      <button type="button" class="cs-button" data-kind="plain" onClick={visit.signOut}>
        {shell("signOut")}
      </button>
    </Empty>
  );
}

const NONE: readonly Collection[] = [];

function Managing({ visit, account, product }: { visit: Visit; account: Account; product: string }) {
  const { api, place } = useShell();
  const { locale } = visit.settings;
  const t = useMemo(() => texts.in(locale), [locale]);
  const knowledge = useMemo(() => new Knowledge(api, visit.signInAgain), [api]);
  const [route, navigate] = useRoute(place.base);
  const [known, setKnown] = useState(NONE);
  const { value, again } = useLoaded("collections", () => knowledge.collections());
  useEffect(() => {
    if (value) setKnown(value); // while they are asked for anew, those before go on being shown
  }, [value]);
  const context = useMemo<Context>(
    () => ({
      knowledge,
      t,
      base: place.base,
      navigate,
      sites: account.sites.filter(({ role }) => role === "admin"),
      collections: known,
      reloadCollections: again,
    }),
    [knowledge, t, place, navigate, account, known],
  );
  return (
    <ConsoleContext.Provider value={context}>
      <Frame route={route} product={product} visit={visit} />
    </ConsoleContext.Provider>
  );
}
