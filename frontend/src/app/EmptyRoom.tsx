import type { RoomId } from "../sdk/index.ts";
import { useClientState } from "../ui/hooks.ts";
import { Chat, Sparkle } from "../ui/icons.tsx";
import { useApp } from "./context.ts";
import { Empty } from "./parts/Empty.tsx";

/** A room without messages: questions to begin with, where the assistant answers. */
export function EmptyRoom({ id, suggest }: { id: RoomId; suggest(text: string): void }) {
  const { client, t } = useApp();
  const policy = useClientState(client, (state) => state.rooms[id]?.meta?.policy ?? "always");
  if (policy !== "always") return <Empty icon={<Chat />} title={t("emptyRoomQuiet")} lead={t("emptyRoomQuietLead")} />;
  return (
    <Empty icon={<Sparkle />} title={t("emptyRoom")} lead={t("emptyRoomLead")}>
      {[t("suggestion1"), t("suggestion2"), t("suggestion3")].map((text) => (
        <button key={text} type="button" class="suggestion" onClick={() => suggest(text)}>
          {text}
        </button>
      ))}
    </Empty>
  );
}
