import type { MessageId } from "../sdk/index.ts";
import { useClientState } from "../ui/hooks.ts";
import { Reply } from "../ui/icons.tsx";
import { spoken } from "../ui/spoken.ts";
import { useApp } from "./context.ts";
import { useRoomActions } from "./room-context.ts";

/** What a message replies to, in one line; leads to the original. */
export function Quote({ of, asked = false }: { of: MessageId; asked?: boolean }) {
  const { client, t } = useApp();
  const { room, jump } = useRoomActions();
  const original = useClientState(
    client,
    (state) => state.rooms[room]?.messages.findLast(({ id }) => id === of) ?? null,
  );
  const name = original?.author.name ?? "";
  const text =
    original === null ? t("originalMissing") : original.status === "deleted" ? t("deleted") : spoken(original.text);
  return (
    <button
      type="button"
      class="quote"
      title={original ? t("goToOriginal", { name }) : undefined}
      onClick={() => jump(of)}
    >
      <Reply />
      {original && <strong>{asked ? t("askedBy", { name }) : name}</strong>}
      <span>{text}</span>
    </button>
  );
}
