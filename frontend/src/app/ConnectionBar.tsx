import { useEffect, useRef, useState } from "preact/hooks";
import type { State } from "../sdk/index.ts";
import { useClientState, useNow } from "../ui/hooks.ts";
import { Offline } from "../ui/icons.tsx";
import { type T, useApp } from "./context.ts";

/** A connection that is made within this time is not worth a word, in ms. */
const PATIENCE_MS = 800;

/** How the connection is, when it is not as it should be, and what one can do about it. */
export function ConnectionBar({ signInAgain }: { signInAgain(): void }) {
  const { client, t } = useApp();
  const connection = useClientState(client, (state) => state.connection);
  const waiting = useClientState(client, queued);
  /** It was lost: the attempts to get it back are part of that, and do not make the bar come and go. */
  const lost = useRef(false);
  if (connection.status === "offline") lost.current = true;
  if (connection.status === "ready") lost.current = false;
  switch (connection.status) {
    case "ready":
    case "stopped":
      return null;
    case "connecting":
    case "catching-up": {
      const said = t(connection.status === "connecting" ? "connecting" : "catchingUp");
      return lost.current ? (
        <Progress kind="warn" said={said} />
      ) : (
        <Progress kind="soft" said={said} after={PATIENCE_MS} />
      );
    }
    case "offline":
      return (
        <section class="connection" data-kind="warn" aria-label={t("connection")}>
          <Offline />
          <p>
            <span role="status">{waiting > 0 ? t("offlineQueued", { count: waiting }) : t("offline")}</span>{" "}
            <Countdown until={connection.retryAt} t={t} />
          </p>
          <button type="button" class="cs-button" data-size="sm" onClick={() => client.retryNow()}>
            {t("retryNow")}
          </button>
        </section>
      );
    case "refused": {
      const ended = connection.code === "unauthenticated";
      const said = {
        unauthenticated: "refusedSignIn",
        forbidden: "refusedForbidden",
        protocol: "refusedProtocol",
      } as const;
      return (
        <div class="connection" data-kind="danger" role="alert">
          <Offline />
          <p>
            {t(said[connection.code])} {!ended && <span class="problem-detail">{connection.message}</span>}
          </p>
          <button
            type="button"
            class="cs-button"
            data-size="sm"
            onClick={ended ? signInAgain : () => location.reload()}
          >
            {t(ended ? "signInAgain" : "reload")}
          </button>
        </div>
      );
    }
  }
}

function Progress({ kind, said, after = 0 }: { kind: "soft" | "warn"; said: string; after?: number }) {
  const [shown, setShown] = useState(after === 0);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), after);
    return () => clearTimeout(timer);
  }, [after]);
  if (!shown) return null;
  return (
    <div class="connection" data-kind={kind} role="status">
      <span class="spinner" /> {said}
    </div>
  );
}

function queued(state: State): number {
  return state.outgoing.filter(({ status }) => status === "queued" || status === "sent").length;
}

/** Apart, because it renders each second; outside of the status, because nobody wants to hear it. */
function Countdown({ until, t }: { until: number; t: T }) {
  const left = Math.ceil((until - useNow(1000)) / 1000);
  return <>{left > 0 ? t("retryingIn", { count: left }) : t("connecting")}</>;
}
