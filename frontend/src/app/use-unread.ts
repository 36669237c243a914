import { useEffect, useState } from "preact/hooks";
import type { RoomId } from "../sdk/index.ts";
import { useClientState } from "../ui/hooks.ts";
import { useApp } from "./context.ts";
import type { Unread } from "./timeline.ts";

/**
 * What was unread when the room was opened, once that is known, or when one turned away from its window: the line above
 * the first of it stays where it is while one reads. `reads` tells whether the end is on screen.
 */
export function useUnread(id: RoomId, reads: () => boolean): Unread | null {
  const { client } = useApp();
  const entry = useClientState(client, (state) => state.rooms[id]?.entry ?? null);
  const [unread, set] = useState<Unread | null>(null);
  useEffect(() => {
    const changed = () => {
      if (document.visibilityState === "visible" || !reads()) return;
      set({ after: client.state.rooms[id]?.entry?.read ?? 0, upTo: Number.MAX_SAFE_INTEGER });
    };
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, [client, id, reads]);
  if (unread !== null || entry === null) return unread;
  const opening = { after: entry.read ?? 0, upTo: entry.rev };
  set(opening);
  return opening;
}
