/** What changes a client's state: the server's frames, and what the client itself does. */
import type { Error as ErrorFrame, ServerFrame } from "./frames.ts";
import type { Connection, Message, MessageId, Outgoing, RoomId } from "./state.ts";

export type LocalAction =
  | { readonly type: "local.connection"; readonly connection: Connection }
  /** `hello` was sent; `rooms` is its resume list. */
  | { readonly type: "local.hello"; readonly rooms: readonly RoomId[] }
  /** The socket is gone, and with it whatever was under way. */
  | { readonly type: "local.lost" }
  | { readonly type: "local.expires"; readonly expires: string | null }
  | { readonly type: "local.join"; readonly room: RoomId }
  | { readonly type: "local.leave"; readonly room: RoomId }
  /** `room.join` or `room.sync` was sent (`asked`), or could not be answered (`none`, `needed`). */
  | { readonly type: "local.sync"; readonly room: RoomId; readonly sync: "none" | "needed" | "asked" }
  | { readonly type: "local.read"; readonly room: RoomId; readonly seq: number }
  | { readonly type: "local.history"; readonly room: RoomId }
  /** `before` is the `from` that was asked with; `messages` null: it failed. */
  | {
      readonly type: "local.page";
      readonly room: RoomId;
      readonly before: number;
      readonly messages: readonly Message[] | null;
      readonly more: boolean;
    }
  | { readonly type: "local.trim"; readonly room: RoomId; readonly keep: number }
  | { readonly type: "local.outgoing"; readonly outgoing: readonly Outgoing[] }
  | { readonly type: "local.sent"; readonly cid: string }
  | { readonly type: "local.stored"; readonly cid: string; readonly message: MessageId; readonly seq: number }
  | { readonly type: "local.unsent"; readonly cid: string; readonly error: Pick<ErrorFrame, "code" | "message"> | null }
  | { readonly type: "local.discard"; readonly cid: string };

export type Action = ServerFrame | LocalAction;
