import { useEffect, useState } from "preact/hooks";
import { useLoaded } from "../../shell/parts/action.ts";
import { Empty } from "../../shell/parts/Empty.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Skeleton } from "../../shell/parts/Skeleton.tsx";
import { Globe, Plus } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { Heading } from "../parts/Heading.tsx";
import { usePolling } from "../poll.ts";
import type { WebSource } from "../types.ts";
import { AddWeb } from "./AddWeb.tsx";
import { DeleteWeb } from "./DeleteWeb.tsx";
import { WebCard } from "./WebCard.tsx";

type Opened = { is: "add" } | { is: "delete"; source: WebSource };

/** Pages and sitemaps that documents are fetched from. */
export function WebPage() {
  const { t, knowledge, reloadCollections } = useConsole();
  const [opened, setOpened] = useState<Opened | null>(null);
  const { value, error, again } = useLoaded("web", () => knowledge.webSources());
  const [sources, setSources] = useState<readonly WebSource[] | null>(null);
  useEffect(() => {
    if (value) setSources(value);
  }, [value]);
  const underway = sources?.some(({ status }) => status === "queued" || status === "fetching") ?? false;
  const refresh = async () => {
    const next = await knowledge.webSources();
    const changed = JSON.stringify(next) !== JSON.stringify(sources);
    setSources(next);
    return changed;
  };
  usePolling(underway, "web", refresh);
  const add = (
    <button type="button" class="cs-button" data-kind="primary" onClick={() => setOpened({ is: "add" })}>
      <Plus /> {t("addWeb")}
    </button>
  );
  return (
    <>
      <Heading title={t("web")} lead={t("webLead")}>
        {sources && sources.length > 0 && add}
      </Heading>
      <Problem error={error} onRetry={again} />
      {!sources ? (
        !error && <Skeleton label={t("loading")} />
      ) : sources.length === 0 ? (
        <Empty icon={<Globe />} title={t("noWeb")} lead={t("noWebLead")}>
          {add}
        </Empty>
      ) : (
        <ul class="cards">
          {sources.map((source) => (
            <li key={source.id}>
              <WebCard source={source} onDelete={() => setOpened({ is: "delete", source })} onFetched={refresh} />
            </li>
          ))}
        </ul>
      )}
      {opened?.is === "add" && <AddWeb onClose={() => setOpened(null)} onAdded={refresh} />}
      {opened?.is === "delete" && (
        <DeleteWeb
          source={opened.source}
          onClose={() => setOpened(null)}
          onDeleted={() => {
            setSources((held) => held?.filter(({ id }) => id !== opened.source.id) ?? null);
            reloadCollections();
          }}
        />
      )}
    </>
  );
}
