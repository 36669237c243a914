import { useEffect, useState } from "preact/hooks";
import { useShell } from "../../shell/context.ts";
import { Check, External } from "../../ui/icons.tsx";
import { useConsole } from "../context.ts";
import { isUnfinished } from "../documents/list.ts";
import { Status } from "../documents/Status.tsx";
import { Link } from "../parts/Link.tsx";
import { usePolling } from "../poll.ts";
import type { DocumentRecord, Gap } from "../types.ts";
import { roomPath } from "./room-path.ts";

export type Closed = { readonly how: "dismissed" } | { readonly how: "answered"; readonly document: string };

/** A gap that an answer was written for: how far that is, and where the question is asked again once it can be found. */
export function ClosedGap({ gap, document: id }: { gap: Gap; document: string }) {
  const { place } = useShell();
  const { t, knowledge } = useConsole();
  const [document, setDocument] = useState<DocumentRecord | null>(null);
  const load = async () => {
    const next = await knowledge.document(id);
    setDocument(next);
    return true;
  };
  useEffect(() => {
    load().catch(() => {}); // it is asked again below
  }, [id]);
  usePolling(document === null || isUnfinished(document), id, load);
  const [latest] = gap.questions;
  // Its words can be found before its vectors are made.
  const visible = document !== null && (document.status === "ready" || document.status === "embedding");
  return (
    <article class="card gap" data-done={visible || undefined}>
      <div class="card-words">
        <h2>{gap.question}</h2>
        {visible && latest ? (
          <p class="card-line" role="status">
            <Check /> <strong>{t("askedAgain")}</strong>
            <a href={roomPath(place, latest.room, latest.message)}>
              {t("openRoom")} <External />
            </a>
          </p>
        ) : document ? (
          <Status document={document} />
        ) : null}
        <p>
          <Link to={{ page: "document", id, chunk: null }}>{t("showAnswer")}</Link>
        </p>
      </div>
    </article>
  );
}
