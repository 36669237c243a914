import { memo } from "preact/compat";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Room, type RoomId, roomsByActivity } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { Empty } from "../shell/parts/Empty.tsx";
import { SearchField } from "../shell/parts/SearchField.tsx";
import { Skeleton } from "../shell/parts/Skeleton.tsx";
import { Avatar } from "../ui/Avatar.tsx";
import { sameItems, useClientState } from "../ui/hooks.ts";
import { Chat, Plus } from "../ui/icons.tsx";
import { spoken } from "../ui/spoken.ts";
import { shortWhen } from "../ui/time.ts";
import { useApp } from "./context.ts";
import { drafts } from "./drafts.ts";
import { pathOf } from "./route.ts";

export function RoomList({ current, onCreate }: { current: RoomId | null; onCreate(): void }) {
  const { client, t } = useApp();
  const rooms = useListed();
  const known = useClientState(client, (state) => state.epoch !== null);
  const more = useClientState(client, (state) => state.moreRooms);
  const [query, setQuery] = useState("");
  const search = useSearchKey();
  const wanted = query.trim().toLocaleLowerCase();
  const shown = useMemo(
    () => (wanted === "" ? rooms : rooms.filter(({ entry }) => entry?.title.toLocaleLowerCase().includes(wanted))),
    [rooms, wanted],
  );
  return (
    <>
      <div class="list-head">
        <h1>{t("rooms")}</h1>
        <button type="button" class="cs-icon-button" aria-label={t("newRoom")} title={t("newRoom")} onClick={onCreate}>
          <Plus />
        </button>
      </div>
      <SearchField
        label={t("searchRooms")}
        value={query}
        onValue={setQuery}
        inputRef={search}
        shortcuts="Control+K Meta+K"
      />
      {!known ? (
        <Skeleton label={t("loading")} />
      ) : rooms.length === 0 ? (
        <Empty icon={<Chat />} title={t("noRooms")} lead={t("noRoomsLead")}>
          <button type="button" class="cs-button" data-kind="primary" onClick={onCreate}>
            {t("createRoom")}
          </button>
        </Empty>
      ) : shown.length === 0 ? (
        <div class="no-match" role="status">
          <p>{t("noMatch", { query: query.trim() })}</p>
          <button type="button" class="cs-button" data-size="sm" onClick={() => setQuery("")}>
            {t("clearSearch")}
          </button>
        </div>
      ) : (
        <ul class="room-list">
          {shown.map((room) => (
            <RoomItem key={room.id} id={room.id} entry={room.entry} current={room.id === current} />
          ))}
          {more && <li class="list-note">{t("moreRooms")}</li>}
        </ul>
      )}
    </>
  );
}

/** The list, drawn anew when an entry changes and not with every word of an answer. */
function useListed(): Room[] {
  const { client } = useApp();
  return useClientState(client, roomsByActivity, (one, other) => sameItems(one.map(entryOf), other.map(entryOf)));
}

function entryOf(room: Room): Room["entry"] {
  return room.entry;
}

const RoomItem = memo(function RoomItem(props: { id: RoomId; entry: Room["entry"]; current: boolean }) {
  const { t, base, navigate } = useApp();
  const me = useMe();
  const { id, entry, current } = props;
  if (!entry) return null;
  const { last, unread = 0 } = entry;
  const draft = current ? "" : drafts.get(id).text;
  const author = last && (last.author.id === me?.id ? t("you") : last.author.name);
  return (
    <li>
      <a
        class="room-item"
        href={pathOf({ room: id }, base)}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return; // another tab or window
          event.preventDefault();
          navigate({ room: id });
        }}
      >
        <Avatar user={{ id, name: entry.title, kind: "user" }} />
        <span class="room-item-title" data-unread={unread > 0 || undefined}>
          {entry.title}
        </span>
        {last && (
          <time class="room-item-when" dateTime={last.created}>
            {shortWhen(new Date(last.created), new Date(), t.locale)}
          </time>
        )}
        <span class="room-item-last">
          {draft ? (
            <>
              <em>{t("draft")}</em> {draft}
            </>
          ) : last ? (
            `${author}: ${last.status === "pending" ? t("writing") : spoken(last.text.slice(0, 160))}`
          ) : (
            t("nothingYet")
          )}
        </span>
        {unread > 0 && (
          <span class="badge">
            <span aria-hidden="true">{unread >= 99 ? t("unreadMany") : unread}</span>
            <span class="cs-hidden">{t("unread", { count: unread })}</span>
          </span>
        )}
      </a>
    </li>
  );
});

/** Ctrl or Cmd + K goes to the search. */
function useSearchKey() {
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey)
        return;
      event.preventDefault();
      search.current?.focus();
      search.current?.select();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return search;
}
