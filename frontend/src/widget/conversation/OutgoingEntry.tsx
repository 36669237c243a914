import type { Outgoing } from "../../sdk/index.ts";
import { useHere, useVisit } from "../panel/here.ts";
import { useTexts } from "./texts.ts";

type Props = { message: Pick<Outgoing, "text"> & Partial<Pick<Outgoing, "cid" | "status" | "error">> };

/** The visitor's own message on its way. */
export function OutgoingEntry({ message }: Props) {
  const { visit } = useHere();
  const t = useTexts();
  const offline = useVisit((_, { connection }) => connection.status === "offline");
  const { cid, text, status = "queued", error } = message;
  return (
    <div class="entry own" data-status={status}>
      <p class="said">{text}</p>
      {status === "queued" && offline && <p class="note">{t("waiting")}</p>}
      {status === "failed" && cid && (
        <p class="note failed" role="alert">
          {t("notSent", { reason: error?.message ?? "" })}
          <button type="button" class="link" onClick={() => visit.client.resend(cid)}>
            {t("resend")}
          </button>
          <button type="button" class="link" onClick={() => visit.client.discard(cid)}>
            {t("discard")}
          </button>
        </p>
      )}
    </div>
  );
}
