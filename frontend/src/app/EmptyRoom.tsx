import type { RoomId } from "../sdk/index.ts";
import { useAccount } from "../shell/account.ts";
import { Empty } from "../shell/parts/Empty.tsx";
import { useClientState } from "../ui/hooks.ts";
import { Chat, Sparkle } from "../ui/icons.tsx";
import { useApp } from "./context.ts";

/** A room without messages: questions to begin with, where the assistant answers. */
export function EmptyRoom({ id, suggest }: { id: RoomId; suggest(text: string): void }) {
  const { client, t } = useApp();
  const policy = useClientState(client, (state) => state.rooms[id]?.meta?.policy ?? "off");
  if (policy !== "always") return <Empty icon={<Chat />} title={t("emptyRoomQuiet")} lead={t("emptyRoomQuietLead")} />;
  return (
    <Empty icon={<Sparkle />} title={t("emptyRoom")} lead={t("emptyRoomLead")}>
      <Suggestions suggest={suggest} />
    </Empty>
  );
}

/** The site's own questions, which its documents answer. Whoever belongs to several writes their own. */
function Suggestions({ suggest }: { suggest(text: string): void }) {
  const { value } = useAccount();
  const [site, ...others] = value?.sites ?? [];
  if (!site || others.length > 0) return null;
  return (
    <>
      {site.suggestions.map((text) => (
        <button key={text} type="button" class="suggestion" onClick={() => suggest(text)}>
          {text}
        </button>
      ))}
    </>
  );
}
