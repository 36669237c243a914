import { ChatError } from "../sdk/index.ts";
import type { T } from "./context.ts";

/** What went wrong in the words of the interface, and what the server adds to it. */
export function describe(error: unknown, t: T): { said: string; detail: string } {
  if (!(error instanceof ChatError)) {
    console.error(error);
    return { said: t("error"), detail: "" };
  }
  return { said: said(error, t), detail: error.code === "offline" ? "" : error.message };
}

function said(error: ChatError, t: T): string {
  switch (error.code) {
    case "offline":
    case "lost":
      return t("errorOffline");
    case "unauthenticated":
      return t("errorUnauthenticated");
    case "forbidden":
      return t("errorForbidden");
    case "not_found":
      return t("errorNotFound");
    case "conflict":
      return t("errorConflict");
    case "invalid":
      return t("errorInvalid");
    case "too_large":
      return t("errorTooLarge");
    case "rate_limited":
      return t("errorRateLimited", { count: Math.max(1, Math.ceil(error.retryAfter ?? 1)) });
    case "unavailable":
      return t("errorUnavailable");
    default:
      return t("error");
  }
}
