import { useState } from "preact/hooks";
import type { Policy, RoomId } from "../sdk/index.ts";
import { useClientState } from "../ui/hooks.ts";
import { Back, Edit, Expand, Leave, More, People, PersonAdd, Sparkle, Trash } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { ConfirmDeleteRoom, ConfirmLeave } from "./dialogs/Confirm.tsx";
import { Invite } from "./dialogs/Invite.tsx";
import { Rename } from "./dialogs/Rename.tsx";
import { useAction } from "./parts/action.ts";
import { Menu, type MenuItem } from "./parts/Menu.tsx";
import { Problem } from "./parts/Problem.tsx";

type Open = "rename" | "invite" | "leave" | "delete" | null;

export function RoomHeader(props: { id: RoomId; membersOpen: boolean; toggleMembers(): void }) {
  const { client, t, navigate } = useApp();
  const { id } = props;
  const meta = useClientState(client, (state) => state.rooms[id]?.meta ?? null);
  const entry = useClientState(client, (state) => state.rooms[id]?.entry ?? null);
  const here = useClientState(client, (state) => state.rooms[id]?.presence?.online ?? 0);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const title = meta?.title ?? entry?.title ?? "";
  const owns = entry?.role === "owner";
  const group = (meta?.kind ?? entry?.kind) === "group";
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
          {meta && <span>{t("membersCount", { count: meta.members ?? 0 })}</span>}
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

const POLICIES = {
  always: ["policyAlways", "policyAlwaysHint"],
  mention: ["policyMention", "policyMentionHint"],
  off: ["policyOff", "policyOffHint"],
} as const;

/** When the assistant answers here: said to all, changed by owners. */
function PolicyChoice({ id, policy, owner, may }: { id: RoomId; policy: Policy; owner: string | null; may: boolean }) {
  const { client, api, t } = useApp();
  const operator = useClientState(
    client,
    (state) => state.rooms[id]?.members.find((member) => member.id === owner)?.name,
  );
  const { run, error } = useAction((chosen: Policy) => api.call("PATCH", `rooms/${id}`, { policy: chosen }));
  const shown = (
    <>
      <Sparkle />
      <span class="policy-text">{t(POLICIES[policy][0])}</span>
    </>
  );
  if (owner !== null) {
    const said = t("takenOver", { name: operator ?? t("operator") });
    return (
      <span class="policy" title={said}>
        <Sparkle />
        <span class="policy-text">{said}</span>
      </span>
    );
  }
  if (!may) {
    return (
      <span class="policy" title={`${t("policy")}: ${t(POLICIES[policy][0])}`}>
        {shown}
      </span>
    );
  }
  const items = (Object.keys(POLICIES) as Policy[]).map((choice) => ({
    label: t(POLICIES[choice][0]),
    hint: t(POLICIES[choice][1]),
    checked: choice === policy,
    onSelect: () => void run(choice),
  }));
  return (
    <>
      <Menu
        label={`${t("policy")}: ${t(POLICIES[policy][0])}`}
        class="policy"
        sections={[{ title: t("policy"), items }]}
      >
        {shown}
        <Expand />
      </Menu>
      {error ? (
        <div class="head-problem">
          <Problem error={error} />
        </div>
      ) : null}
    </>
  );
}
