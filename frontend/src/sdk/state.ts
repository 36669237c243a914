/**
 * What a client knows, as immutable values: a change makes new objects along its path and shares the rest, so that
 * `===` says whether a part has changed. Only `reduce` makes them.
 */
import type {
  Error as ErrorFrame,
  Limits,
  LiveAnswer,
  Member,
  Message,
  Presence,
  RoomEntry,
  RoomMeta,
  Source,
  User,
} from "./frames.ts";

export type { Limits, Member, Message, Presence, RoomEntry, RoomMeta, Source, User };
export type Policy = RoomMeta["policy"];
export type Role = Member["role"];
export type StageName = LiveAnswer["stage"];

export type RoomId = string;
export type MessageId = string;

/**
 * One stretch of an answer's text, linked to the one before it. A reader that has shown the text up to `start` needs
 * `text` alone; one that is further behind follows `before` to where it was. So showing a delta costs what the delta is
 * long, not what the answer is long.
 */
export interface Piece {
  readonly text: string;
  /** Length of all text before this piece, in UTF-16 units as `String.length` counts them. */
  readonly start: number;
  readonly before: Piece | null;
}

/** An answer while it is being written. */
export interface Answer {
  readonly attempt: number;
  /** Number of deltas that `text` holds. */
  readonly n: number;
  /** The whole text so far. */
  readonly text: string;
  /** The same text as a list of pieces, the last first; null while it is empty. */
  readonly piece: Piece | null;
  readonly stage: StageName;
  readonly sources: readonly Source[];
}

/** A message of one's own on its way: shown at once, gone when the stored one is there. */
export interface Outgoing {
  readonly cid: string;
  readonly room: RoomId;
  readonly text: string;
  readonly reply_to: MessageId | null;
  readonly ask: boolean | null;
  /** The client's clock, RFC 3339. */
  readonly created: string;
  /** `queued`: waits for a connection; `sent`: waits for the server; `stored`: acknowledged, its event is under way. */
  readonly status: "queued" | "sent" | "stored" | "failed";
  /** Of a `failed` one: why the server refused it. */
  readonly error: Pick<ErrorFrame, "code" | "message"> | null;
  /** Of a `stored` one: its place in the room. */
  readonly seq: number | null;
}

export interface Room {
  readonly id: RoomId;
  /** As the list of rooms shows it; null until the server has told. `unread` and `last` are kept up to date. */
  readonly entry: RoomEntry | null;
  /** Settings, members and presence; null until the room was joined. */
  readonly meta: RoomMeta | null;
  readonly members: readonly Member[];
  readonly presence: Presence | null;
  /** The client's position in the room; null: none. */
  readonly rev: number | null;
  /** A gapless stretch of the room up to its end, ascending by `seq`; deleted ones as tombstones. */
  readonly messages: readonly Message[];
  /** Every message from this `seq` on is in `messages`; 0: all there are. Else older ones are on the server. */
  readonly from: number;
  /** `room.history` is under way; then changes of messages not loaded are kept aside in `strays`. */
  readonly loading: boolean;
  readonly strays: readonly Message[];
  /** By message id. An answer that is `pending` without an entry here has not begun. */
  readonly answers: Readonly<Record<MessageId, Answer>>;
  /** Who types, by user id, and until when (ms of the client's clock). */
  readonly typing: Readonly<Record<string, number>>;
  /** This client asked to receive the room. */
  readonly joined: boolean;
  /** Something is missing (`needed`), or was asked for (`asked`). */
  readonly sync: "none" | "needed" | "asked";
}

export type Connection =
  /** `start` has not been called, or `stop` has. */
  | { readonly status: "stopped" }
  /** A socket is being opened, or `hello` is under way. */
  | { readonly status: "connecting" }
  /** `welcome` is here, and the rooms' changes are arriving. */
  | { readonly status: "catching-up" }
  | { readonly status: "ready" }
  /** No connection. The next attempt is at `retryAt` (ms of the client's clock). */
  | { readonly status: "offline"; readonly retryAt: number }
  /** No attempt will follow by itself: sign in again (`unauthenticated`), or the server wants no more of us. */
  | {
      readonly status: "refused";
      readonly code: "unauthenticated" | "forbidden" | "protocol";
      readonly message: string;
    };

export interface State {
  readonly connection: Connection;
  readonly epoch: string | null;
  readonly user: User | null;
  readonly limits: Limits | null;
  /** When the credentials end, RFC 3339; null: never. */
  readonly expires: string | null;
  readonly rooms: Readonly<Record<RoomId, Room>>;
  /** There are more rooms than `welcome` lists. */
  readonly moreRooms: boolean;
  /** In the order in which they were sent. */
  readonly outgoing: readonly Outgoing[];
  /** Rooms whose `sync` is `needed`: the client sends `room.sync` for each. */
  readonly gaps: readonly RoomId[];
}
