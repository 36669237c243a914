import type { Outgoing } from "../sdk/index.ts";
import { ChatError } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { describe } from "../shell/errors.ts";
import { Avatar } from "../ui/Avatar.tsx";
import { Clock } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { HoverTime, SentAt } from "./MessageRow.tsx";
import { Quote } from "./Quote.tsx";
import { Written } from "./Written.tsx";

/** A message of one's own that the server does not have yet, or would not take. */
export function OutgoingRow({ outgoing, grouped }: { outgoing: Outgoing; grouped: boolean }) {
  const { client, t } = useApp();
  const me = useMe();
  const { cid, status, error } = outgoing;
  const { said, detail } = error ? describe(new ChatError(error.code, error.message), t) : { said: "", detail: "" };
  return (
    <article class="message" data-mine data-status={status} aria-label={me?.name ?? t("you")}>
      {grouped || !me ? <HoverTime created={outgoing.created} /> : <Avatar user={me} />}
      <div class="message-body">
        {!grouped && me && (
          <header class="message-head">
            <strong>{me.name}</strong>
            <SentAt created={outgoing.created} />
          </header>
        )}
        {outgoing.reply_to && <Quote of={outgoing.reply_to} />}
        <Written text={outgoing.text} />
        {status === "failed" ? (
          <div class="send-failed" role="alert">
            <p>
              <strong>{t("sendFailed")}</strong> {said} {detail}
            </p>
            <button type="button" class="cs-button" data-size="sm" onClick={() => client.resend(cid)}>
              {t("resend")}
            </button>
            <button
              type="button"
              class="cs-button"
              data-kind="plain"
              data-size="sm"
              onClick={() => client.discard(cid)}
            >
              {t("discard")}
            </button>
          </div>
        ) : (
          status === "queued" && (
            <p class="waiting">
              <Clock /> {t("waiting")}
            </p>
          )
        )}
      </div>
    </article>
  );
}
