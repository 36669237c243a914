import { useEffect } from "preact/hooks";
import type { Message, Room } from "../../sdk/index.ts";
import { spoken } from "../../ui/spoken.ts";
import { newsIn } from "../news.ts";
import { useHere } from "../panel/here.ts";
import { useTexts } from "./texts.ts";

/** Tells screen readers that an answer has begun, and reads it to them when it is whole. */
export function useAnnouncements(): void {
  const { host, visit, say } = useHere();
  const t = useTexts();

  function whole({ author, text, status, sources = [] }: Message): string {
    if (status === "failed") return t("failed");
    if (status === "stopped") return t("stopped");
    const name = author.kind === "assistant" ? (visit.site?.assistant ?? author.name) : author.name;
    const cited = sources.length > 0 ? ` ${t("sources", { count: sources.length })}.` : "";
    return `${name}: ${spoken(text)}${cited}`;
  }

  useEffect(
    () =>
      visit.client.subscribe((state, previous) => {
        const room = visit.room;
        const before = room ? previous.rooms[room.id] : undefined;
        if (!host.opened || !room || before === room) return;
        if (begins(before, room)) say(t("writing"));
        for (const message of newsIn(before, room, state.user?.id ?? null)) say(whole(message));
      }),
    [visit],
  );
}

/** Whether an answer was announced between two states of a room. */
function begins(before: Room | undefined, after: Room): boolean {
  if (before === undefined || before.rev === null || before.messages === after.messages) return false;
  const last = before.messages.at(-1)?.seq ?? 0;
  return after.messages.some(({ seq, status }) => seq > last && status === "pending");
}
