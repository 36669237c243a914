import { useAction } from "../../shell/parts/action.ts";
import { Menu } from "../../shell/parts/Menu.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Alert, Check, Clock, External, Globe, More, Retry, Trash } from "../../ui/icons.tsx";
import { fullTime, shortWhen } from "../../ui/time.ts";
import { useConsole } from "../context.ts";
import { share } from "../format.ts";
import { Link } from "../parts/Link.tsx";
import { Meter } from "../parts/Meter.tsx";
import { webAddress } from "../parts/web-address.ts";
import type { WebSource } from "../types.ts";
import { scheduleOf } from "./schedules.ts";

export function WebCard(props: { source: WebSource; onDelete(): void; onFetched(): Promise<unknown> }) {
  const { t, knowledge } = useConsole();
  const { source, onDelete } = props;
  const { id, url, kind, status, documents } = source;
  const { run, busy, error } = useAction(async () => {
    await knowledge.fetchWebSource(id);
    await props.onFetched();
  });
  const underway = status === "queued" || status === "fetching";
  const items = [{ label: t("delete"), icon: <Trash />, danger: true, onSelect: onDelete }];
  const address = webAddress(url);
  return (
    <article class="card web">
      <div class="card-words">
        <h2 class="web-url">
          <Globe />
          {address ? (
            <a href={address} target="_blank" rel="noopener noreferrer">
              {url} <External />
            </a>
          ) : (
            url
          )}
        </h2>
        <p class="gap-about">
          <span class="tag">{t(kind === "page" ? "singlePage" : "sitemap")}</span>
          <span>{t(scheduleOf(source.every_hours))}</span>
          <Link to={{ page: "documents", collection: "", source: id }}>
            {t("documentsCount", { count: documents })}
          </Link>
        </p>
        <Progress source={source} />
        <Problem error={error} />
      </div>
      <div class="card-actions">
        <button type="button" class="cs-button" data-size="sm" disabled={busy || underway} onClick={() => run()}>
          <Retry /> {t("fetchNow")}
        </button>
        <Menu label={t("webMenu", { url })} class="cs-icon-button" size="sm" sections={[{ items }]}>
          <More />
        </Menu>
      </div>
    </article>
  );
}

function Progress({ source }: { source: WebSource }) {
  const { t } = useConsole();
  const { status, error, done, total, fetched, next_fetch: next } = source;
  const when = (at: string) => {
    const date = new Date(at);
    return <span title={fullTime(date, t.locale)}>{shortWhen(date, new Date(), t.locale)}</span>;
  };
  switch (status) {
    case "queued":
      return (
        <p class="card-line soft">
          <Clock /> {t("queued")}
        </p>
      );
    case "fetching":
      return (
        <div class="status" data-status="parsing">
          <p class="status-word">
            <span class="spinner" /> {t("fetching", { done, total })}
          </p>
          <Meter value={total > 0 ? share(done, total) : null} label={t("fetching", { done, total })} />
        </div>
      );
    case "failed":
      return (
        <p class="card-line failed">
          <Alert /> {error || t("failedHint")}
        </p>
      );
    case "ready":
      return (
        <p class="card-line soft">
          <Check />
          {fetched && (
            <span>
              {t("fetchedAt")} {when(fetched)}
            </span>
          )}
          {next && (
            <span>
              {t("nextAt")} {when(next)}
            </span>
          )}
          {error && <span>{error}</span>}
        </p>
      );
  }
}
