import { useEffect } from "preact/hooks";
import { useMedia } from "../../ui/hooks.ts";
import { Composer } from "./Composer.tsx";
import { useHere, useVisit } from "./here.ts";
import { Status } from "./Status.tsx";
import { useVisible } from "./visible.ts";

/** One conversation: what was said, the state of the connection, and where to write. */
export function Chat({ open, focus }: { open: boolean; focus: number }) {
  const { visit, conversation, loading, load, t } = useHere();
  const room = useVisit((visit) => visit.roomId);
  const visible = useVisible();
  // A phone's keyboard would cover the greeting.
  const handheld = useMedia("(pointer: coarse)");
  useEffect(() => {
    if (open && visible) visit.wake();
  }, [open, visible, visit]);
  return (
    <>
      {conversation ? (
        <conversation.Log key={room} read={open && visible} />
      ) : (
        <div class="log-frame" aria-busy={loading}>
          {!loading && (
            <p class="empty" role="alert">
              {t("notLoaded")}
              <button type="button" class="link" onClick={load}>
                {t("retryNow")}
              </button>
            </p>
          )}
        </div>
      )}
      <Status />
      <Composer focus={handheld ? 0 : focus} />
    </>
  );
}
