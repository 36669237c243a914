import { useEffect, useRef, useState } from "preact/hooks";
import { unreadTotal } from "../sdk/index.ts";
import { useAccount } from "../shell/account.ts";
import { useShell } from "../shell/context.ts";
import { Empty } from "../shell/parts/Empty.tsx";
import { AccountMenu } from "../shell/SettingsMenu.tsx";
import type { Settings } from "../shell/settings.ts";
import { useClientState, useVisibleHeight } from "../ui/hooks.ts";
import { Books, Chat, Offline } from "../ui/icons.tsx";
import { ConnectionBar } from "./ConnectionBar.tsx";
import { useApp } from "./context.ts";
import { CreateRoom } from "./dialogs/CreateRoom.tsx";
import { NewVersion } from "./NewVersion.tsx";
import { Room } from "./Room.tsx";
import { RoomList } from "./RoomList.tsx";
import type { Route } from "./route.ts";

/** The app of somebody who is signed in: the list of rooms beside one of them, or one of the two on a phone. */
export function Rooms(props: {
  route: Route;
  product: string;
  settings: Settings;
  signInAgain(): void;
  signOut(): void;
}) {
  const { client, t, navigate } = useApp();
  const { room } = props.route;
  const [frame, setFrame] = useState<HTMLElement | null>(null);
  const [creating, setCreating] = useState(false);
  const arrived = useClientState(client, (state) => state.epoch !== null);
  const offline = useClientState(client, (state) => state.connection.status === "offline");
  useVisibleHeight(frame);
  useTitle(room, props.product);
  const create = () => setCreating(true);
  const before = useRef(room);
  useEffect(() => {
    // What had the focus is gone with the room.
    if (room === null && before.current !== null) document.getElementById("rooms")?.focus();
    before.current = room;
  }, [room]);
  return (
    <div class="app" ref={setFrame} data-shows={room === null ? "list" : "room"}>
      <a class="skip" href={room === null ? "#rooms" : "#messages"}>
        {t(room === null ? "skipToRooms" : "skipToMessages")}
      </a>
      <ConnectionBar signInAgain={props.signInAgain} />
      <nav class="sidebar" id="rooms" tabIndex={-1} aria-label={t("rooms")}>
        <RoomList current={room} onCreate={create} />
        <footer class="list-foot">
          <Account settings={props.settings} signOut={props.signOut} />
        </footer>
      </nav>
      {room !== null ? (
        <Room key={room} id={room} />
      ) : (
        <main class="room room-none">
          {!arrived && offline ? (
            <Empty icon={<Offline />} title={t("unreachable")} lead={t("unreachableLead")}>
              <button type="button" class="cs-button" onClick={() => client.retryNow()}>
                {t("retryNow")}
              </button>
            </Empty>
          ) : (
            <Empty icon={<Chat />} title={t("pickRoom")} lead={t("pickRoomLead")}>
              <button type="button" class="cs-button" onClick={create}>
                {t("createRoom")}
              </button>
            </Empty>
          )}
        </main>
      )}
      {creating && (
        <CreateRoom
          onClose={() => setCreating(false)}
          onCreated={(id) => {
            setCreating(false);
            navigate({ room: id });
          }}
        />
      )}
      <NewVersion />
    </div>
  );
}

function Account({ settings, signOut }: { settings: Settings; signOut(): void }) {
  const { t } = useApp();
  const { place } = useShell();
  const { value } = useAccount();
  const knowledge = { label: t("console"), icon: <Books />, onSelect: () => location.assign(place.path("console")) };
  return <AccountMenu settings={settings} ways={value?.admin ? [knowledge] : []} signOut={signOut} />;
}

/** The room's name in the window's title, after the number of what is unread. */
function useTitle(room: string | null, product: string): void {
  const { client } = useApp();
  const unread = useClientState(client, unreadTotal);
  const title = useClientState(client, (state) => (room === null ? null : (state.rooms[room]?.entry?.title ?? null)));
  useEffect(() => {
    const where = title === null ? product : `${title} – ${product}`;
    document.title = unread > 0 ? `(${unread}) ${where}` : where;
    return () => {
      document.title = product;
    };
  }, [unread, title, product]);
}
