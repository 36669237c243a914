import { useState } from "preact/hooks";
import type { RoomId } from "../sdk/index.ts";
import { Menu, type MenuItem } from "../shell/parts/Menu.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Back, Edit, Leave, More, People, PersonAdd, Trash } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { ConfirmDeleteRoom, ConfirmLeave } from "./dialogs/Confirm.tsx";
import { Invite } from "./dialogs/Invite.tsx";
import { Rename } from "./dialogs/Rename.tsx";
import { PolicyChoice } from "./PolicyChoice.tsx";

type Open = "rename" | "invite" | "leave" | "delete" | null;

export function RoomHeader(props: { id: RoomId; membersOpen: boolean; toggleMembers(): void }) {
  const { client, t, navigate } = useApp();
  const { id } = props;
  const meta = useClientState(client, (state) => state.rooms[id]?.meta ?? null);
  const entry = useClientState(client, (state) => state.rooms[id]?.entry ?? null);
  // Without a connection nobody knows who is here.
  const here = useClientState(client, (state) =>
    state.connection.status === "ready" ? (state.rooms[id]?.presence?.online ?? 0) : 0,
  );
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const title = meta?.title ?? entry?.title ?? "";
  const owns = entry?.role === "owner";
  const kind = meta?.kind ?? entry?.kind;
  const group = kind === "group";
  const items: MenuItem[] = [
    ...(owns && group ? [{ label: t("invite"), icon: <PersonAdd />, onSelect: () => setOpen("invite") }] : []),
    ...(owns ? [{ label: t("rename"), icon: <Edit />, onSelect: () => setOpen("rename") }] : []),
    { label: t("leave"), icon: <Leave />, onSelect: () => setOpen("leave") },
    ...(owns ? [{ label: t("deleteRoom"), icon: <Trash />, danger: true, onSelect: () => setOpen("delete") }] : []),
  ];
  return (
    <header class="room-head">
      <button
        type="button"
        class="cs-icon-button only-phone"
        aria-label={t("back")}
        onClick={() => navigate({ room: null })}
      >
        <Back />
      </button>
      <div class="room-head-names">
        <h2 title={title}>{title || " "}</h2>
        <p>
          {kind === "support" && <span class="tag">{t("supportRoom")}</span>}
          {kind === "direct" && <span>{t("directRoom")}</span>}
          {meta && kind !== "direct" && <span>{t("membersCount", { count: meta.members ?? 0 })}</span>}
          {here > 0 && <span class="here">{t("online", { count: here })}</span>}
        </p>
      </div>
      {meta && <PolicyChoice id={id} policy={meta.policy} owner={meta.owner ?? null} may={owns} />}
      <button
        type="button"
        class="cs-icon-button"
        aria-label={t("members")}
        title={t("members")}
        aria-expanded={props.membersOpen}
        onClick={props.toggleMembers}
      >
        <People />
      </button>
      {entry?.role && (
        <Menu label={t("roomMenu")} class="cs-icon-button" sections={[{ items }]}>
          <More />
        </Menu>
      )}
      {open === "invite" && <Invite room={id} onClose={close} />}
      {open === "rename" && <Rename room={id} title={title} onClose={close} />}
      {open === "leave" && <ConfirmLeave room={id} title={title} onClose={close} />}
      {open === "delete" && <ConfirmDeleteRoom room={id} title={title} onClose={close} />}
    </header>
  );
}
