import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Message, MessageId, RoomId, Source } from "../sdk/index.ts";

/** What the rows of a room may do; the same object as long as the room is shown. */
export interface RoomActions {
  readonly room: RoomId;
  reply(message: Message): void;
  /** Opens the editor in the message's place. */
  edit(message: MessageId): void;
  askDelete(message: Message): void;
  /** Scrolls to a message, loading older ones as far as needed. */
  jump(message: MessageId): void;
  openSource(message: Message, source: Source): void;
  stopEditing(): void;
}

export const RoomContext = createContext<RoomActions | null>(null);

export function useRoomActions(): RoomActions {
  const actions = useContext(RoomContext);
  if (!actions) throw new Error("outside of a room");
  return actions;
}
