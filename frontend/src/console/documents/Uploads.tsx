import { useShell } from "../../shell/context.ts";
import { describe } from "../../shell/errors.ts";
import { SmallButton } from "../../shell/parts/SmallButton.tsx";
import { Alert, Check, Close, Retry } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { fileSize, percent, share } from "../format.ts";
import { Meter } from "../parts/Meter.tsx";
import type { LocalFile } from "./files.ts";
import { tally, type Upload, type UploadQueue } from "./uploads.ts";

/** So many rows are shown; of a folder of hundreds the rest is a number. */
const SHOWN_MAX = 8;

/** What is on its way, and what did not arrive. What has arrived is in the list, unless it was there already. */
export function Uploads({ queue, uploads }: { queue: UploadQueue<LocalFile>; uploads: readonly Upload<LocalFile>[] }) {
  const { t } = useConsole();
  if (uploads.length === 0) return null;
  const { total, received, failed, left, share: sent } = tally(uploads);
  const rows = uploads.filter(({ status, registered }) => status !== "received" || registered?.unchanged);
  const hidden = rows.length - SHOWN_MAX;
  return (
    <section class="uploads" aria-label={t("uploads")}>
      <header class="uploads-head">
        <p>
          {left > 0 ? t("uploading", { done: received, total }) : t("uploaded", { count: received })}
          {failed > 0 && <span class="uploads-failed"> {t("uploadsFailed", { count: failed })}</span>}
        </p>
        {left > 0 ? (
          <button type="button" class="cs-button" data-size="sm" data-kind="plain" onClick={() => queue.stop()}>
            {t("stopUploads")}
          </button>
        ) : (
          <SmallButton label={t("dismiss")} onClick={() => queue.stop()}>
            <Close />
          </SmallButton>
        )}
      </header>
      {left > 0 && <Meter value={sent} label={t("uploading", { done: received, total })} />}
      {rows.length > 0 && (
        <ul class="uploads-list">
          {rows.slice(0, SHOWN_MAX).map((upload) => (
            <UploadRow key={upload.key} queue={queue} upload={upload} />
          ))}
          {hidden > 0 && <li class="soft">{t("moreUploads", { count: hidden })}</li>}
        </ul>
      )}
    </section>
  );
}

function UploadRow({ queue, upload }: { queue: UploadQueue<LocalFile>; upload: Upload<LocalFile> }) {
  const { t } = useConsole();
  const { key, file, status } = upload;
  return (
    <li class="upload" data-status={status}>
      <span class="upload-name">{file.path || file.name}</span>
      <span class="upload-state">
        <UploadState upload={upload} />
      </span>
      {status === "failed" && (
        <SmallButton label={t("retryUpload", { name: file.name })} onClick={() => queue.retry(key)}>
          <Retry />
        </SmallButton>
      )}
      <SmallButton label={t("dropUpload", { name: file.name })} onClick={() => queue.drop(key)}>
        <Close />
      </SmallButton>
    </li>
  );
}

function UploadState({ upload: { file, status, sent, error } }: { upload: Upload<LocalFile> }) {
  const { t: shell } = useShell();
  const { t } = useConsole();
  switch (status) {
    case "waiting":
      return <>{fileSize(file.size, t.locale)}</>;
    case "sending": {
      const done = share(sent, file.size);
      return (
        <>
          <Meter value={done} label={file.name} /> {percent(done, t.locale)}
        </>
      );
    }
    case "received":
      return (
        <>
          <Check /> {t("unchanged")}
        </>
      );
    case "failed": {
      const { said, detail } = describe(error, shell);
      const reason = detail.replace(/^file: /, ""); // which field of the form is nothing that a person chose
      return (
        <span class="upload-problem" role="alert">
          <Alert /> {reason || said}
        </span>
      );
    }
  }
}
