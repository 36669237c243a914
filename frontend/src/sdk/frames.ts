// Generated from docs/protocol.schema.json by `make schema`. Do not edit.

/**
 * Generated from chatserver/protocol/frames.py; docs/protocol.md is its prose. Unknown fields and unknown types of server frames are to be ignored.
 */
export type Frame = (Command | ServerFrame)
export type Command = (Hello | RoomJoin | RoomLeave | RoomSync | RoomHistory | MessageSend | MessageEdit | MessageDelete | AnswerStop | AnswerRetry | AnswerRate | RoomTypingCommand | RoomReadCommand | AuthRefresh | Ping)
export type ServerFrame = (Ok | Error | Welcome | Ready | RoomChanges | MessageEvent | RoomUpdated | AnswerDelta | AnswerStage | RoomAdded | RoomSummary | RoomYou | RoomPresence | RoomTyping | RoomRead | RoomGone | DocumentEvent | Bye)

export interface Hello {
type: "hello"
token?: string
client?: string
locale?: string
epoch?: string
/**
 * @maxItems 200
 */
rooms?: Resume[]
id: string
}
export interface Resume {
room: string
rev?: number
}
export interface RoomJoin {
type: "room.join"
room: string
rev?: number
id: string
}
export interface RoomLeave {
type: "room.leave"
room: string
id: string
}
export interface RoomSync {
type: "room.sync"
room: string
rev?: number
id: string
}
export interface RoomHistory {
type: "room.history"
room: string
before: number
limit?: number
id: string
}
/**
 * `ask`: true forces an answer where the policy is `mention`; false sends without asking; unset: policy decides.
 */
export interface MessageSend {
type: "message.send"
room: string
cid: string
text: string
reply_to?: (string | null)
ask?: boolean
id: string
}
export interface MessageEdit {
type: "message.edit"
message: string
text: string
id: string
}
export interface MessageDelete {
type: "message.delete"
message: string
id: string
}
export interface AnswerStop {
type: "answer.stop"
message?: string
room?: string
cid?: string
attempt?: number
id: string
}
export interface AnswerRetry {
type: "answer.retry"
message: string
attempt: number
id: string
}
export interface AnswerRate {
type: "answer.rate"
message: string
score: (-1 | 0 | 1)
comment?: string
id: string
}
export interface RoomTypingCommand {
type: "room.typing"
room: string
on: boolean
id: string
}
export interface RoomReadCommand {
type: "room.read"
room: string
seq: number
id: string
}
export interface AuthRefresh {
type: "auth.refresh"
token: string
id: string
}
export interface Ping {
type: "ping"
id: string
}
/**
 * The one good answer to command `re`; which of the other fields it carries depends on the command.
 */
export interface Ok {
type: "ok"
re: string
message?: string
seq?: number
answer?: string
duplicate?: boolean
rev?: number
attempt?: number
expires?: string
messages?: Message[]
more?: boolean
}
/**
 * The whole message as it now is. `cid` is null for answers and system messages.
 */
export interface Message {
id: string
seq: number
rev: number
author: User
cid?: (string | null)
text: string
status: ("complete" | "deleted" | "failed" | "pending" | "stopped")
attempt?: number
reply_to?: (string | null)
created: string
edited?: (string | null)
sources?: Source[]
}
export interface User {
id: string
name: string
kind: ("assistant" | "operator" | "system" | "user" | "visitor")
}
/**
 * A passage an answer cites as `[n]`. `quote` is short (<= 400 characters); `where` is page and heading path in one
 * line. `start` and `end`: where the quote stands in the document's text, in characters; both 0 where it is not known.
 */
export interface Source {
n: number
document: string
title: string
url?: (string | null)
quote?: string
where?: string
page?: (number | null)
heading?: string
start?: number
end?: number
}
export interface Error {
type: "error"
code: ("bad_frame" | "conflict" | "forbidden" | "internal" | "invalid" | "not_found" | "rate_limited" | "too_large" | "unauthenticated" | "unavailable" | "unknown_type")
message: string
re?: string
room?: string
retry_after?: number
}
export interface Welcome {
type: "welcome"
re: string
epoch: string
conn: string
user: User
heartbeat?: number
limits?: Limits
expires?: (string | null)
rooms?: RoomEntry[]
more?: boolean
}
export interface Limits {
frame_bytes?: number
text_chars?: number
sends_per_minute?: number
}
/**
 * A room as the list of rooms shows it, for one user.
 */
export interface RoomEntry {
room: string
rev: number
title: string
kind: ("direct" | "group" | "support")
policy?: ("always" | "mention" | "off")
role?: ("member" | "moderator" | "owner")
read?: number
unread?: number
last?: (Message | null)
}
export interface Ready {
type: "ready"
}
/**
 * What changed in a room since the client's `rev`: once per room of `hello`, and after `ok` to a join or sync.
 */
export interface RoomChanges {
type: "room.changes"
room: string
rev: number
messages?: Message[]
answers?: LiveAnswer[]
more?: boolean
reset?: boolean
meta?: RoomMeta
members?: Member[]
presence?: Presence
}
/**
 * An answer being written: a snapshot up to delta `n` of `attempt`; later deltas continue at `n + 1`.
 */
export interface LiveAnswer {
message: string
attempt: number
n: number
text: string
stage?: ("queued" | "searching" | "writing")
sources?: Source[]
}
/**
 * A room's settings. `owner` is the operator who took a support room over (then the assistant is silent).
 */
export interface RoomMeta {
title: string
kind: ("direct" | "group" | "support")
policy: ("always" | "mention" | "off")
owner?: (string | null)
members?: number
}
export interface Member {
id: string
name: string
kind: ("assistant" | "operator" | "system" | "user" | "visitor")
role: ("member" | "moderator" | "owner")
read?: number
}
/**
 * Who is here: `users` (up to 100 ids; empty for rooms over 50 members) and the count.
 */
export interface Presence {
online: number
users?: string[]
}
export interface MessageEvent {
type: "message"
room: string
rev: number
message: Message
}
/**
 * `members`: those that changed; `removed`: ids of those who left or were removed.
 */
export interface RoomUpdated {
type: "room.updated"
room: string
rev: number
meta: RoomMeta
members?: Member[]
removed?: string[]
}
/**
 * Covers deltas `n - merged + 1 … n` of `attempt`; `merged == n` means: this is the whole text so far.
 */
export interface AnswerDelta {
type: "answer.delta"
room: string
message: string
attempt: number
n: number
text: string
merged?: number
}
export interface AnswerStage {
type: "answer.stage"
room: string
message: string
attempt: number
stage: ("queued" | "searching" | "writing")
sources?: Source[]
}
export interface RoomAdded {
type: "room.added"
room: RoomEntry
}
export interface RoomSummary {
type: "room.summary"
room: string
rev: number
unread: number
last?: (Message | null)
}
export interface RoomYou {
type: "room.you"
room: string
role: ("member" | "moderator" | "owner")
read: number
unread: number
}
/**
 * Rooms over 50 members carry counts only: then `user` and `online` are left out.
 */
export interface RoomPresence {
type: "room.presence"
room: string
user?: string
online?: boolean
count?: number
}
export interface RoomTyping {
type: "room.typing"
room: string
user: string
on: boolean
}
export interface RoomRead {
type: "room.read"
room: string
user: string
seq: number
}
export interface RoomGone {
type: "room.gone"
room: string
code: ("deleted" | "not_found" | "removed")
}
/**
 * A document that this user gave got further; at most 4 a second for each, and any of them may be lost.
 */
export interface DocumentEvent {
type: "document"
document: DocumentState
}
/**
 * How far a document is: `done` of `total` passages are found by their meaning, too.
 */
export interface DocumentState {
id: string
collection: string
title: string
status: ("deleted" | "embedding" | "failed" | "parsing" | "queued" | "ready")
error?: (string | null)
done?: number
total?: number
}
export interface Bye {
type: "bye"
code: number
reason: string
retry_after?: number
}
