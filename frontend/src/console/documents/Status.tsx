import type { ComponentChildren } from "preact";
import { Alert, Check, Clock } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { percent, share } from "../format.ts";
import { Meter } from "../parts/Meter.tsx";
import type { DocumentRecord } from "../types.ts";

/** How far a document is, and what one can do when it failed. */
export function Status({ document, action }: { document: DocumentRecord; action?: ComponentChildren }) {
  const { t } = useConsole();
  const { status, error, done, total } = document;
  const parts = share(done, total);
  return (
    <div class="status" data-status={status}>
      <p class="status-word">
        <Sign status={status} />
        {status === "embedding" ? t("embeddingPart", { share: percent(parts, t.locale) }) : t(status)}
      </p>
      {status === "embedding" && (
        <>
          <Meter value={parts} label={t("embedding")} />
          <p class="status-hint">{t("embeddingHint")}</p>
        </>
      )}
      {status === "ready" && error && <p class="status-hint">{error}</p>}
      {status === "failed" && <p class="status-error">{error || t("failedHint")}</p>}
      {action}
    </div>
  );
}

function Sign({ status }: Pick<DocumentRecord, "status">) {
  switch (status) {
    case "queued":
      return <Clock />;
    case "parsing":
    case "embedding":
      return <span class="spinner" />;
    case "ready":
      return <Check />;
    case "failed":
      return <Alert />;
  }
}
