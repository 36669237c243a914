import type { Policy, RoomId } from "../sdk/index.ts";
import { useAction } from "../shell/parts/action.ts";
import { Menu } from "../shell/parts/Menu.tsx";
import { Problem } from "../shell/parts/Problem.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Expand, Sparkle } from "../ui/icons.tsx";
import { type T, useApp } from "./context.ts";

const TEXTS = {
  always: ["policyAlways", "policyAlwaysHint", "policyAlwaysShort"],
  mention: ["policyMention", "policyMentionHint", "policyMentionShort"],
  off: ["policyOff", "policyOffHint", "policyOffShort"],
} as const;

/** The choices in the order in which they are offered. */
export function policies(t: T): { policy: Policy; label: string; hint: string; short: string }[] {
  return (["always", "mention", "off"] as const).map((policy) => {
    const [label, hint, short] = TEXTS[policy];
    return { policy, label: t(label), hint: t(hint), short: t(short) };
  });
}

/** When the assistant answers in a room: said to all, changed by owners. */
export function PolicyChoice(props: { id: RoomId; policy: Policy; owner: string | null; may: boolean }) {
  const { client, api, t } = useApp();
  const { id, policy, owner, may } = props;
  const operator = useClientState(
    client,
    (state) => state.rooms[id]?.members.find((member) => member.id === owner)?.name,
  );
  const { run, error } = useAction((chosen: Policy) => api.call("PATCH", `rooms/${id}`, { policy: chosen }));
  const choices = policies(t);
  const present = choices.find((choice) => choice.policy === policy);
  if (!present) return null;
  if (owner !== null) return <Said long={t("takenOver", { name: operator ?? t("operator") })} short={present.short} />;
  if (!may) return <Said long={present.label} short={present.short} title={`${t("policy")}: ${present.label}`} />;
  const items = choices.map((choice) => ({
    label: choice.label,
    hint: choice.hint,
    checked: choice.policy === policy,
    onSelect: () => void run(choice.policy),
  }));
  return (
    <>
      <Menu label={t("policy")} worded class="policy" sections={[{ title: t("policy"), items }]}>
        <Words long={present.label} short={present.short} />
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

function Said({ long, short, title = long }: { long: string; short: string; title?: string }) {
  return (
    <span class="policy" title={title}>
      <Words long={long} short={short} />
    </span>
  );
}

/** The short form is for phones. */
function Words({ long, short }: { long: string; short: string }) {
  return (
    <>
      <Sparkle />
      <span class="policy-text policy-long">{long}</span>
      <span class="policy-text only-phone" aria-hidden="true">
        {short}
      </span>
    </>
  );
}
