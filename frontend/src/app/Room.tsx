import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Message, MessageId, RoomId, Room as RoomState, Source } from "../sdk/index.ts";
import { Empty } from "../shell/parts/Empty.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Chat } from "../ui/icons.tsx";
import { Announcer } from "./Announcer.tsx";
import { Composer } from "./Composer.tsx";
import { useApp } from "./context.ts";
import { ConfirmDeleteMessage } from "./dialogs/Confirm.tsx";
import { drafts } from "./drafts.ts";
import { MembersPanel } from "./MembersPanel.tsx";
import { RoomHeader } from "./RoomHeader.tsx";
import { type RoomActions, RoomContext } from "./room-context.ts";
import { linkedMessage } from "./route.ts";
import { SourcePanel } from "./SourcePanel.tsx";
import { Timeline, type TimelineHandle } from "./Timeline.tsx";
import { TypingLine } from "./TypingLine.tsx";

export type Panel = { is: "members" } | { is: "source"; message: Message; n: Source["n"] };

/** One room: its header, messages and composer, and a panel beside them. */
export function Room({ id }: { id: RoomId }) {
  const { client } = useApp();
  useEffect(() => {
    client.join(id);
    return () => client.leave(id);
  }, [client, id]);
  const gone = useClientState(client, (state) => state.connection.status === "ready" && isGone(state.rooms[id]));
  return gone ? <Gone /> : <Present id={id} />;
}

/** Joined, and yet there is nothing of it: the server knows no such room of ours. */
function isGone(room: RoomState | undefined): boolean {
  return room === undefined || (room.joined && room.rev === null && room.sync === "none");
}

function Gone() {
  const { t, navigate } = useApp();
  return (
    <main class="room room-none" id="messages" tabIndex={-1}>
      <Empty icon={<Chat />} title={t("roomGone")} lead={t("roomGoneLead")}>
        <button type="button" class="cs-button" onClick={() => navigate({ room: null })}>
          {t("allRooms")}
        </button>
      </Empty>
    </main>
  );
}

function Present({ id }: { id: RoomId }) {
  const { client } = useApp();
  const [panel, setPanel] = useState<Panel | null>(null);
  const [replyTo, setReplyTo] = useState<MessageId | null>(() => drafts.get(id).replyTo);
  const [editing, setEditing] = useState<MessageId | null>(null);
  const [deleting, setDeleting] = useState<Message | null>(null);
  const timeline = useRef<TimelineHandle>(null);
  const composer = useRef<HTMLTextAreaElement>(null);

  const actions = useMemo<RoomActions>(
    () => ({
      room: id,
      reply(message) {
        setReplyTo(message.id);
        composer.current?.focus();
      },
      edit: (message) => setEditing(message),
      stopEditing() {
        setEditing(null);
        composer.current?.focus();
      },
      askDelete: (message) => setDeleting(message),
      jump: (message) => timeline.current?.jump(message),
      openSource: (message, source) => setPanel({ is: "source", message, n: source.n }),
    }),
    [id],
  );

  useEffect(() => {
    // On a phone the keyboard would cover the room one has just opened.
    const hasKeys = matchMedia("(pointer: fine)").matches;
    (hasKeys ? composer.current : document.getElementById("messages"))?.focus({ preventScroll: true });
  }, []);

  const loaded = useClientState(client, (state) => (state.rooms[id]?.rev ?? null) !== null);
  useEffect(() => {
    const linked = linkedMessage(location.hash);
    if (!loaded || !linked) return;
    history.replaceState(history.state, "", location.pathname); // once: it is not where one stays
    timeline.current?.jump(linked);
  }, [loaded]);

  useEffect(() => {
    if (!panel) return;
    const pressed = (event: KeyboardEvent) => {
      // Dialogs, menus and fields have their own use for the key, and then stop it or prevent its default.
      if (event.key === "Escape" && !event.defaultPrevented) setPanel(null);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [panel]);

  function editLast() {
    const { rooms, user } = client.state;
    const own = rooms[id]?.messages.findLast(
      (message) => message.author.id === user?.id && message.status === "complete",
    );
    if (!own) return;
    setEditing(own.id);
    timeline.current?.jump(own.id);
  }

  const source = panel?.is === "source" ? panel : null;
  return (
    <RoomContext.Provider value={actions}>
      <main class="room">
        <RoomHeader
          id={id}
          membersOpen={panel?.is === "members"}
          toggleMembers={() => setPanel((open) => (open?.is === "members" ? null : { is: "members" }))}
        />
        <Timeline
          id={id}
          handle={timeline}
          editing={editing}
          open={source && { message: source.message.id, n: source.n }}
          suggest={(text) => {
            client.send(id, text);
            composer.current?.focus();
          }}
        />
        <TypingLine id={id} />
        <Composer
          id={id}
          inputRef={composer}
          replyTo={replyTo}
          onReplyTo={setReplyTo}
          onEditLast={editLast}
          onSent={() => timeline.current?.toEnd()}
        />
        <Announcer id={id} />
      </main>
      {panel?.is === "members" && <MembersPanel id={id} onClose={() => setPanel(null)} />}
      {source && (
        <SourcePanel
          room={id}
          message={source.message}
          n={source.n}
          onChoose={(n) => setPanel({ ...source, n })}
          onClose={() => setPanel(null)}
        />
      )}
      {deleting && <ConfirmDeleteMessage message={deleting} onClose={() => setDeleting(null)} />}
    </RoomContext.Provider>
  );
}
