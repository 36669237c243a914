import { useState } from "preact/hooks";
import { type Room, roomsByActivity } from "../../sdk/index.ts";
import { sameItems } from "../../ui/hooks.ts";
import { spoken } from "../../ui/spoken.ts";
import { fullTime, shortWhen } from "../../ui/time.ts";
import { useHere, useVisit } from "../panel/here.ts";
import { useTexts } from "./texts.ts";

const EXCERPT = 120;

/** The visitor's conversations, the latest first; and the one setting there is. */
export function History({ onShow }: { onShow(): void }) {
  const { visit, sound } = useHere();
  const t = useTexts();
  const rooms = useVisit((_, state) => roomsByActivity(state).filter(({ entry }) => entry?.last), sameItems);
  const [on, setOn] = useState(sound.on);
  return (
    <>
      <div class="history" tabIndex={-1}>
        {rooms.length === 0 && <p class="empty">{t("historyEmpty")}</p>}
        <ul>
          {rooms.map((room) => (
            <li key={room.id}>
              <button
                type="button"
                class="conversation"
                aria-current={room.id === visit.roomId}
                onClick={() => {
                  visit.show(room.id);
                  onShow();
                }}
              >
                <Conversation room={room} />
              </button>
            </li>
          ))}
        </ul>
      </div>
      <label class="setting">
        <span>{t("sound")}</span>
        <input
          type="checkbox"
          role="switch"
          aria-checked={on}
          checked={on}
          onChange={({ currentTarget }) => {
            sound.on = currentTarget.checked;
            setOn(sound.on);
          }}
        />
      </label>
    </>
  );
}

function Conversation({ room }: { room: Room }) {
  const { visit } = useHere();
  const t = useTexts();
  const last = room.entry?.last;
  const unread = room.entry?.unread ?? 0;
  if (!last) return null;
  const text = spoken(last.text).slice(0, EXCERPT);
  const when = new Date(last.created);
  return (
    <>
      <span class="excerpt">
        {last.author.id === visit.state.user?.id ? t("youSaid", { text }) : text || t("nothingSaid")}
      </span>
      <time dateTime={last.created} title={fullTime(when, t.locale)}>
        {shortWhen(when, new Date(), t.locale)}
      </time>
      {unread > 0 && (
        <span class="count">
          <span aria-hidden="true">{unread}</span>
          <span class="cs-hidden">{t("unread", { count: unread })}</span>
        </span>
      )}
    </>
  );
}
