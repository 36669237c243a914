import type { Message } from "../sdk/index.ts";
import { Avatar } from "../ui/Avatar.tsx";
import { useClientState } from "../ui/hooks.ts";
import { fullTime, timeOfDay } from "../ui/time.ts";
import { useApp } from "./context.ts";
import { MessageActions } from "./MessageActions.tsx";
import { MessageEditor } from "./MessageEditor.tsx";
import { Quote } from "./Quote.tsx";
import { useRoomActions } from "./room-context.ts";
import { Written } from "./Written.tsx";

/** Something that a person wrote. */
export function MessageRow(props: { message: Message; grouped: boolean; mine: boolean; editing: boolean }) {
  const { message, grouped, mine, editing } = props;
  const { client, t } = useApp();
  const { room, stopEditing } = useRoomActions();
  const moderates = useClientState(client, (state) => (state.rooms[room]?.entry?.role ?? "member") !== "member");
  const deleted = message.status === "deleted";
  const { author } = message;
  const title = { visitor: t("visitor"), operator: t("operator"), user: null, system: null, assistant: null }[
    author.kind
  ];
  return (
    <article class="message" data-mine={mine || undefined} aria-label={author.name}>
      {grouped ? <HoverTime created={message.created} /> : <Avatar user={author} />}
      <div class="message-body">
        {!grouped && (
          <header class="message-head">
            <strong>{author.name}</strong>
            {title && <span class="tag">{title}</span>}
            <SentAt created={message.created} />
          </header>
        )}
        {message.reply_to && !deleted && <Quote of={message.reply_to} />}
        {editing && !deleted ? (
          <MessageEditor message={message} onClose={stopEditing} />
        ) : deleted ? (
          <p class="message-deleted">{t("deleted")}</p>
        ) : (
          <div class="message-text">
            <Written text={message.text} />
            {message.edited && (
              <span class="edited" title={t("editedAt", { time: fullTime(new Date(message.edited), t.locale) })}>
                {t("edited")}
              </span>
            )}
          </div>
        )}
      </div>
      {!deleted && !editing && (
        <MessageActions message={message} mayEdit={mine || moderates} mayDelete={mine || moderates} />
      )}
    </article>
  );
}

export function SentAt({ created }: { created: string }) {
  const { t } = useApp();
  const date = new Date(created);
  return (
    <time dateTime={created} title={fullTime(date, t.locale)}>
      {timeOfDay(date, t.locale)}
    </time>
  );
}

/** In a group, in place of the avatar; it shows when one points at the row. */
export function HoverTime({ created }: { created: string }) {
  return (
    <span class="hover-time">
      <SentAt created={created} />
    </span>
  );
}
