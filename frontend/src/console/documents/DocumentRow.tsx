import { memo } from "preact/compat";
import { useAction } from "../../shell/parts/action.ts";
import { Menu, type MenuItem } from "../../shell/parts/Menu.tsx";
import { Problem } from "../../shell/parts/Problem.tsx";
import { Document, External, More, Retry, Trash } from "../../ui/icons.tsx";
import { fullTime, shortWhen } from "../../ui/time.ts";
import { useConsole } from "../context.ts";
import { fileSize, kindOf } from "../format.ts";
import { Link } from "../parts/Link.tsx";
import { webAddress } from "../parts/web-address.ts";
import type { DocumentRecord } from "../types.ts";
import { Status } from "./Status.tsx";

export const DocumentRow = memo(function DocumentRow(props: {
  document: DocumentRecord;
  onDelete(document: DocumentRecord): void;
  onRetried(): void;
}) {
  const { t, knowledge, navigate } = useConsole();
  const { document } = props;
  const { id, title, origin, status } = document;
  const name = title || origin;
  const retry = useAction(async () => {
    await knowledge.retry(id);
    props.onRetried();
  });
  const original = webAddress(document.url);
  const items: MenuItem[] = [
    { label: t("showChunks"), icon: <Document />, onSelect: () => navigate({ page: "document", id, chunk: null }) },
  ];
  if (original) items.push({ label: t("openOriginal"), icon: <External />, onSelect: () => openPage(original) });
  if (status === "failed") items.push({ label: t("tryAgain"), icon: <Retry />, onSelect: () => void retry.run() });
  items.push({ label: t("delete"), icon: <Trash />, danger: true, onSelect: () => props.onDelete(document) });
  return (
    <article class="document" data-status={status}>
      <Tile document={document} />
      <div class="document-words">
        <h2 class="document-title">
          <Link to={{ page: "document", id, chunk: null }}>{name}</Link>
        </h2>
        <p class="document-about">
          <About document={document} />
        </p>
        <Problem error={retry.error} />
      </div>
      <Status
        document={document}
        action={
          status === "failed" && (
            <button type="button" class="cs-button" data-size="sm" disabled={retry.busy} onClick={() => retry.run()}>
              <Retry /> {t("tryAgain")}
            </button>
          )
        }
      />
      <Menu label={t("documentMenu", { title: name })} class="cs-icon-button" sections={[{ items }]}>
        <More />
      </Menu>
    </article>
  );
});

export function Tile({ document: { media_type: type, origin } }: { document: DocumentRecord }) {
  const { label, hue } = kindOf(type, origin);
  return (
    <span class="cs-avatar tile" data-hue={hue} aria-hidden="true">
      {label}
    </span>
  );
}

/** Where it came from, how large it is and since when it is there. */
function About({ document }: { document: DocumentRecord }) {
  const { t, collections } = useConsole();
  const { title, origin, size, owner, created } = document;
  const at = new Date(created);
  const collection = collections.length > 1 && collections.find((each) => each.id === document.collection);
  return (
    <>
      {title && origin && origin !== title && <span class="document-origin">{origin}</span>}
      {collection && <span>{collection.name}</span>}
      <span>{fileSize(size, t.locale)}</span>
      <span title={fullTime(at, t.locale)}>
        {shortWhen(at, new Date(), t.locale)}
        {owner && <span class="not-narrow"> · {owner.name}</span>}
      </span>
    </>
  );
}

function openPage(url: string): void {
  open(url, "_blank", "noopener,noreferrer");
}
