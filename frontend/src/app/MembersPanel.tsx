import { useState } from "preact/hooks";
import type { Member, RoomId } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { useAction } from "../shell/parts/action.ts";
import { Menu, type MenuItem } from "../shell/parts/Menu.tsx";
import { Problem } from "../shell/parts/Problem.tsx";
import { Avatar } from "../ui/Avatar.tsx";
import { useClientState } from "../ui/hooks.ts";
import { More, PersonAdd } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { ConfirmRemoveMember } from "./dialogs/Confirm.tsx";
import { Invite } from "./dialogs/Invite.tsx";
import { SidePanel } from "./SidePanel.tsx";

const ROLES = { owner: "owner", moderator: "moderator", member: "member" } as const;
const MAKE = { owner: "makeOwner", moderator: "makeModerator", member: "makeMember" } as const;
const NOBODY: readonly Member[] = [];

export function MembersPanel({ id, onClose }: { id: RoomId; onClose(): void }) {
  const { client, api, t } = useApp();
  const me = useMe();
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? NOBODY);
  const count = useClientState(client, (state) => state.rooms[id]?.meta?.members ?? 0);
  const group = useClientState(client, (state) => state.rooms[id]?.meta?.kind === "group");
  const title = useClientState(client, (state) => state.rooms[id]?.entry?.title ?? "");
  const online = useClientState(client, (state) => state.rooms[id]?.presence?.users);
  const owns = useClientState(client, (state) => state.rooms[id]?.entry?.role === "owner");
  const [inviting, setInviting] = useState(false);
  const [removing, setRemoving] = useState<Member | null>(null);
  const { run, error } = useAction((member: Member, role: Member["role"]) =>
    api.call("POST", `rooms/${id}/members`, { user: member.id, role }),
  );

  const here = new Set(online);
  const sorted = [...members].sort((one, other) => one.name.localeCompare(other.name, t.locale));
  const sections = [
    ["membersHere", sorted.filter((member) => here.has(member.id))],
    ["membersAway", sorted.filter((member) => !here.has(member.id))],
  ] as const;

  function itemsFor(member: Member): MenuItem[] {
    const roles = (["owner", "moderator", "member"] as const).filter((role) => role !== member.role);
    return [
      ...roles.map((role) => ({ label: t(MAKE[role]), onSelect: () => void run(member, role) })),
      { label: t("removeMember"), danger: true, onSelect: () => setRemoving(member) },
    ];
  }

  return (
    <SidePanel title={t("members")} onClose={onClose}>
      {owns && group && (
        <button type="button" class="cs-button wide" onClick={() => setInviting(true)}>
          <PersonAdd /> {t("invite")}
        </button>
      )}
      <Problem error={error} />
      {sections.map(
        ([label, list]) =>
          list.length > 0 && (
            <section key={label} class="members-section">
              <h3>
                {t(label)} · {list.length}
              </h3>
              <ul>
                {list.map((member) => (
                  <li key={member.id} class="member">
                    <span class="presence" data-here={here.has(member.id) || undefined}>
                      <Avatar user={member} />
                    </span>
                    <span class="member-name">
                      {member.name} {member.id === me?.id && <small>({t("you")})</small>}
                    </span>
                    {member.role !== "member" && <span class="tag">{t(ROLES[member.role])}</span>}
                    {owns && group && member.id !== me?.id && (
                      <Menu
                        label={t("memberMenu", { name: member.name })}
                        class="cs-icon-button"
                        size="sm"
                        sections={[{ items: itemsFor(member) }]}
                      >
                        <More />
                      </Menu>
                    )}
                  </li>
                ))}
              </ul>
            </section>
          ),
      )}
      {count > members.length && <p class="list-note">{t("membersPartial", { count: members.length })}</p>}
      {inviting && <Invite room={id} onClose={() => setInviting(false)} />}
      {removing && <ConfirmRemoveMember room={id} title={title} user={removing} onClose={() => setRemoving(null)} />}
    </SidePanel>
  );
}
