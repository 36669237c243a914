import { useEffect, useRef, useState } from "preact/hooks";
import { Alert, Offline } from "../../ui/icons.tsx";
import { useHere, useVisit } from "./here.ts";

/** A connection that is there within this time is not worth a word, in ms. */
const PATIENCE = 1000;

/** The state of the connection where it is not simply good, and what one can do. */
export function Status() {
  const { visit, t, restart } = useHere();
  const connection = useVisit((_, state) => state.connection);
  const quick = useQuick(connection.status === "connecting");
  // Each attempt of many says "connecting": that would blink.
  const offline = useRef(false);
  if (connection.status !== "connecting") offline.current = connection.status === "offline";
  switch (offline.current ? "offline" : connection.status) {
    case "offline":
      return (
        <p class="status" data-kind="warn" role="status">
          <Offline />
          <span>{t("offline")}</span>
          <button type="button" class="link" onClick={() => visit.wake()}>
            {t("retryNow")}
          </button>
        </p>
      );
    case "refused": {
      if (connection.status !== "refused") return null;
      const ended = connection.code === "unauthenticated";
      const text = t(ended ? "ended" : connection.code === "protocol" ? "outdated" : "closed");
      return (
        <p class="status" data-kind="danger" role="alert">
          <Alert />
          <span>{text}</span>
          {connection.code !== "protocol" && (
            <button type="button" class="link" onClick={restart}>
              {t(ended ? "startAgain" : "retryNow")}
            </button>
          )}
        </p>
      );
    }
    case "connecting":
      return quick ? null : (
        <p class="status" role="status">
          {t("connecting")}
        </p>
      );
    default:
      return null;
  }
}

/** Whether `on` has not lasted long yet. */
function useQuick(on: boolean): boolean {
  const [quick, set] = useState(true);
  useEffect(() => {
    set(true);
    if (!on) return;
    const timer = setTimeout(() => set(false), PATIENCE);
    return () => clearTimeout(timer);
  }, [on]);
  return quick;
}
