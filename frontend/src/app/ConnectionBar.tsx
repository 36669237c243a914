import type { State } from "../sdk/index.ts";
import { useClientState, useNow } from "../ui/hooks.ts";
import { Offline } from "../ui/icons.tsx";
import { type T, useApp } from "./context.ts";

/** What is said at once about a connection that is not there; a short interruption is not worth a word. */
export function ConnectionBar({ signInAgain }: { signInAgain(): void }) {
  const { client, t } = useApp();
  const connection = useClientState(client, (state) => state.connection);
  const waiting = useClientState(client, queued);
  switch (connection.status) {
    case "ready":
    case "stopped":
      return null;
    case "connecting":
    case "catching-up":
      return (
        <div class="connection" data-kind="soft" role="status">
          <span class="spinner" /> {t(connection.status === "connecting" ? "connecting" : "catchingUp")}
        </div>
      );
    case "offline":
      return (
        <div class="connection" data-kind="warn">
          <Offline />
          <p>
            <span role="status">{waiting > 0 ? t("offlineQueued", { count: waiting }) : t("offline")}</span>{" "}
            <Countdown until={connection.retryAt} t={t} />
          </p>
          <button type="button" class="cs-button" data-size="sm" onClick={() => client.retryNow()}>
            {t("retryNow")}
          </button>
        </div>
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

function queued(state: State): number {
  return state.outgoing.filter(({ status }) => status === "queued" || status === "sent").length;
}

/** Apart, because it renders each second; outside of the status, because nobody wants to hear it. */
function Countdown({ until, t }: { until: number; t: T }) {
  const left = Math.ceil((until - useNow(1000)) / 1000);
  return <>{left > 0 ? t("retryingIn", { count: left }) : t("connecting")}</>;
}
