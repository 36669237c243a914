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
  const { client } = useShell();
  const { value: account, error, again } = useAccount();
  const refused = useClientState(
    client,
    ({ connection }) => connection.status === "refused" && connection.code === "unauthenticated",
  );
  useEffect(() => {
    if (refused) visit.signInAgain();
  }, [refused]);
  if (account?.admin) return <Managing visit={visit} account={account} product={product} />;
  if (!account) return <Opening error={error} again={again} />;
  return (
    <main class="console-alone">
      <NotYours visit={visit} />
    </main>
  );
}

function Opening({ error, again }: { error: unknown; again(): void }) {
  const { t } = useShell();
  return (
    <main class="console-alone">
      {error ? <Problem error={error} onRetry={again} /> : <Skeleton label={t("loading")} />}
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

function Managing({ visit, account, product }: { visit: Visit; account: Account; product: string }) {
  const { api, place } = useShell();
  const { locale } = visit.settings;
  const t = useMemo(() => texts.in(locale), [locale]);
  const knowledge = useMemo(() => new Knowledge(api, visit.signInAgain), [api]);
  const [route, navigate] = useRoute(place.base);
  const [known, setKnown] = useState<readonly Collection[] | null>(null);
  const { value, error, again } = useLoaded("collections", () => knowledge.collections());
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
      collections: known ?? [],
      reloadCollections: again,
    }),
    [knowledge, t, place, navigate, account, known],
  );
  // Where a document goes is known before one can give it.
  if (!known) return <Opening error={error} again={again} />;
  return (
    <ConsoleContext.Provider value={context}>
      <Frame route={route} product={product} visit={visit} />
    </ConsoleContext.Provider>
  );
}
