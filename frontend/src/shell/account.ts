/** Whose session it is, and what they may do: `GET auth/me`. */
import { useClientState } from "../ui/hooks.ts";
import { useShell } from "./context.ts";
import { useLoaded } from "./parts/action.ts";

export interface AccountSite {
  readonly id: string;
  readonly name: string;
  readonly assistant: string;
  readonly role: "admin" | "operator" | "member";
  readonly suggestions: readonly string[];
}

export interface Account {
  readonly id: string;
  readonly name: string;
  /** Manages a site: its rooms, people and documents. */
  readonly admin: boolean;
  readonly sites: readonly AccountSite[];
}

/** Asked for once there is a connection; `value` is null until it has come. */
export function useAccount() {
  const { client, api, t } = useShell();
  const connected = useClientState(client, (state) => state.epoch !== null);
  const path = `auth/me?locale=${encodeURIComponent(t.locale)}`;
  return useLoaded<Account | null>(connected ? path : "", async () =>
    connected ? api.call<Account>("GET", path) : null,
  );
}
