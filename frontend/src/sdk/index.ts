/** `@chatserver/client`: rooms, messages and streamed answers over one WebSocket, exact across every fault. */
export { ChatClient, type ClientOptions, type DocumentListener, type Listener } from "./client.ts";
export {
  type Credentials,
  cookie,
  TokenCredentials,
  VisitorCredentials,
  type VisitorOptions,
  type VisitorSession,
} from "./credentials.ts";
export { ChatError, type ErrorCode } from "./errors.ts";
export type { DocumentState } from "./frames.ts";
export { Api, type ApiOptions, address } from "./http.ts";
export type { Fetch, KeyValueStore, SocketClass, SocketLike, Time } from "./platform.ts";
export { hasOlder, pendingAnswers, piecesSince, questionOf, roomsByActivity, unreadTotal } from "./selectors.ts";
export type {
  Answer,
  Connection,
  Limits,
  Member,
  Message,
  MessageId,
  Outgoing,
  Piece,
  Policy,
  Presence,
  Role,
  Room,
  RoomEntry,
  RoomId,
  RoomMeta,
  Source,
  StageName,
  State,
  User,
} from "./state.ts";
