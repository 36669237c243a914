import type { RoomId } from "../sdk/index.ts";
import { useMe } from "../shell/context.ts";
import { useClientState, useNow } from "../ui/hooks.ts";
import { useApp } from "./context.ts";

const NONE: Readonly<Record<string, number>> = {};

/** Who is writing, above the composer. Its place is always there, so that nothing moves when somebody begins. */
export function TypingLine({ id }: { id: RoomId }) {
  const { client, t } = useApp();
  const me = useMe();
  const typing = useClientState(client, (state) => state.rooms[id]?.typing ?? NONE);
  const members = useClientState(client, (state) => state.rooms[id]?.members ?? null);
  const now = useNow(Object.keys(typing).length > 0 ? 1000 : null);
  const names = Object.entries(typing)
    .filter(([user, until]) => until > now && user !== me?.id)
    .map(([user]) => members?.find((member) => member.id === user)?.name ?? "…");
  const [a, b] = names;
  const text =
    a === undefined
      ? ""
      : b === undefined
        ? t("typing1", { a })
        : names.length === 2
          ? t("typing2", { a, b })
          : t("typingMany");
  return (
    <p class="typing" data-shown={text !== "" || undefined}>
      {text}
    </p>
  );
}
