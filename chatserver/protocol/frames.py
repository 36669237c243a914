"""Every object of wire protocol v1 as a closed, typed union (docs/protocol.md is its prose).

`Command` is what a client may send, `ServerFrame` what it may receive. Fields that are optional on the wire default
to `UNSET` and are then left out; `None` is written as `null`. Unknown fields are ignored in both directions.

One file, though longer than 400 lines: it is a list, and a reader looks up neighbours.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chatserver.errors import WireCode

FRAME_BYTES = 32 * 1024  # one frame from a client
OBJECT_BYTES = 256 * 1024  # one object from the server
TEXT_CHARS = 16_000
RESUME_ROOMS = 200
CHANGES_MAX = 200  # messages in one `room.changes` before it becomes a reset
SNAPSHOT_MESSAGES = 50
HEARTBEAT = 25  # seconds
SUBPROTOCOL = "chat.v1.json"

type RoomKind = Literal["group", "direct", "support"]
type Policy = Literal["always", "mention", "off"]
type Role = Literal["owner", "moderator", "member"]
type AuthorKind = Literal["user", "visitor", "assistant", "operator", "system"]
type Status = Literal["complete", "pending", "stopped", "failed", "deleted"]
type StageName = Literal["queued", "searching", "writing"]
type DocumentStatus = Literal["queued", "parsing", "embedding", "ready", "failed", "deleted"]
type GoneCode = Literal["removed", "deleted", "not_found"]

type Id = Annotated[str, Meta(min_length=1, max_length=64)]
"""A client's id of a command, and `cid`, its id of a message."""
type Uuid = Annotated[str, Meta(min_length=36, max_length=36, pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
type Position = Annotated[int, Meta(ge=0, le=2**53 - 1)]
type Attempt = Annotated[int, Meta(ge=1, le=10_000)]
type MessageText = Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS)]


# --- objects inside frames -------------------------------------------------------------------------------------------


class User(Struct, frozen=True, omit_defaults=False):
    id: str
    name: str
    kind: AuthorKind


class Source(Struct, frozen=True, omit_defaults=True):
    """A passage an answer cites as `[n]`. `quote` is short (<= 400 characters); `where` is page and heading path in one
    line. `start` and `end`: where the quote stands in the document's text, in characters; both 0 where it is not known.
    """

    n: int
    document: str
    title: str
    url: str | None = None
    quote: str = ""
    where: str = ""
    page: int | None = None
    heading: str = ""
    start: int = 0
    end: int = 0


class Message(Struct, kw_only=True):
    """The whole message as it now is. `cid` is null for answers and system messages."""

    id: str
    seq: int
    rev: int
    author: User
    cid: str | None = None
    text: str
    status: Status
    attempt: int = 0
    reply_to: str | None = None
    created: str
    edited: str | None = None
    sources: list[Source] = []


class LiveAnswer(Struct, kw_only=True):
    """An answer being written: a snapshot up to delta `n` of `attempt`; later deltas continue at `n + 1`."""

    message: str
    attempt: int
    n: int
    text: str
    stage: StageName = "queued"
    sources: list[Source] = []


class Member(Struct, kw_only=True):
    id: str
    name: str
    kind: AuthorKind
    role: Role
    read: int = 0


class RoomMeta(Struct, kw_only=True):
    """A room's settings. `owner` is the operator who took a support room over (then the assistant is silent)."""

    title: str
    kind: RoomKind
    policy: Policy
    owner: str | None = None
    members: int = 0


class RoomEntry(Struct, kw_only=True):
    """A room as the list of rooms shows it, for one user."""

    room: str
    rev: int
    title: str
    kind: RoomKind
    policy: Policy = "always"
    role: Role = "member"
    read: int = 0
    unread: int = 0
    last: Message | None = None


class Presence(Struct, kw_only=True):
    """Who is here: `users` (up to 100 ids; empty for rooms over 50 members) and the count."""

    online: int
    users: list[str] = []


class DocumentState(Struct, kw_only=True):
    """How far a document is: `done` of `total` passages are found by their meaning, too."""

    id: str
    collection: str
    title: str
    status: DocumentStatus
    error: str | None = None
    done: int = 0
    total: int = 0


class Resume(Struct):
    room: Uuid
    rev: Position | UnsetType = UNSET


class Limits(Struct):
    frame_bytes: int = FRAME_BYTES
    text_chars: int = TEXT_CHARS
    sends_per_minute: int = 30


# --- commands --------------------------------------------------------------------------------------------------------


class _Command(Struct, kw_only=True, tag_field="type"):
    id: Id


class Hello(_Command, tag="hello"):
    token: Annotated[str, Meta(max_length=8192)] | UnsetType = UNSET
    client: Annotated[str, Meta(max_length=128)] = ""
    locale: Annotated[str, Meta(max_length=35)] = "en"
    epoch: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    rooms: Annotated[list[Resume], Meta(max_length=RESUME_ROOMS)] = []


class RoomJoin(_Command, tag="room.join"):
    room: Uuid
    rev: Position | UnsetType = UNSET


class RoomLeave(_Command, tag="room.leave"):
    room: Uuid


class RoomSync(_Command, tag="room.sync"):
    room: Uuid
    rev: Position | UnsetType = UNSET


class RoomHistory(_Command, tag="room.history"):
    room: Uuid
    before: Position
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class MessageSend(_Command, tag="message.send"):
    """`ask`: true forces an answer where the policy is `mention`; false sends without asking; unset: policy decides."""

    room: Uuid
    cid: Id
    text: MessageText
    reply_to: Uuid | None = None
    ask: bool | UnsetType = UNSET


class MessageEdit(_Command, tag="message.edit"):
    message: Uuid
    text: MessageText


class MessageDelete(_Command, tag="message.delete"):
    message: Uuid


class AnswerStop(_Command, tag="answer.stop"):
    message: Uuid | UnsetType = UNSET
    room: Uuid | UnsetType = UNSET
    cid: Id | UnsetType = UNSET
    attempt: Attempt | UnsetType = UNSET


class AnswerRetry(_Command, tag="answer.retry"):
    message: Uuid
    attempt: Attempt


class AnswerRate(_Command, tag="answer.rate"):
    message: Uuid
    score: Literal[-1, 0, 1]
    comment: Annotated[str, Meta(max_length=2000)] = ""


class RoomTypingCommand(_Command, tag="room.typing"):
    room: Uuid
    on: bool


class RoomReadCommand(_Command, tag="room.read"):
    room: Uuid
    seq: Position


class AuthRefresh(_Command, tag="auth.refresh"):
    token: Annotated[str, Meta(min_length=1, max_length=8192)]


class Ping(_Command, tag="ping"):
    pass


type Command = (
    Hello | RoomJoin | RoomLeave | RoomSync | RoomHistory | MessageSend | MessageEdit | MessageDelete | AnswerStop
    | AnswerRetry | AnswerRate | RoomTypingCommand | RoomReadCommand | AuthRefresh | Ping
)  # fmt: skip

COMMANDS: tuple[type[_Command], ...] = (
    Hello, RoomJoin, RoomLeave, RoomSync, RoomHistory, MessageSend, MessageEdit, MessageDelete, AnswerStop,
    AnswerRetry, AnswerRate, RoomTypingCommand, RoomReadCommand, AuthRefresh, Ping,
)  # fmt: skip


# --- what the server says --------------------------------------------------------------------------------------------


class _Event(Struct, kw_only=True, tag_field="type"):
    pass


class Ok(_Event, tag="ok"):
    """The one good answer to command `re`; which of the other fields it carries depends on the command."""

    re: str
    message: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    answer: str | UnsetType = UNSET
    duplicate: bool | UnsetType = UNSET
    rev: int | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    expires: str | UnsetType = UNSET
    messages: list[Message] | UnsetType = UNSET
    more: bool | UnsetType = UNSET


class Error(_Event, tag="error"):
    code: WireCode
    message: str
    re: str | UnsetType = UNSET
    room: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class Welcome(_Event, tag="welcome"):
    re: str
    epoch: str
    conn: str
    user: User
    heartbeat: int = HEARTBEAT
    limits: Limits = msgspec.field(default_factory=Limits)
    expires: str | None = None
    rooms: list[RoomEntry] = []
    more: bool = False


class Ready(_Event, tag="ready"):
    pass


class RoomChanges(_Event, tag="room.changes"):
    """What changed in a room since the client's `rev`: once per room of `hello`, and after `ok` to a join or sync."""

    room: str
    rev: int
    messages: list[Message] = []
    answers: list[LiveAnswer] = []
    more: bool | UnsetType = UNSET
    reset: bool | UnsetType = UNSET
    meta: RoomMeta | UnsetType = UNSET
    members: list[Member] | UnsetType = UNSET
    presence: Presence | UnsetType = UNSET


class MessageEvent(_Event, tag="message"):
    room: str
    rev: int
    message: Message


class RoomUpdated(_Event, tag="room.updated"):
    """`members`: those that changed; `removed`: ids of those who left or were removed."""

    room: str
    rev: int
    meta: RoomMeta
    members: list[Member] | UnsetType = UNSET
    removed: list[str] | UnsetType = UNSET


class AnswerDelta(_Event, tag="answer.delta"):
    """Covers deltas `n - merged + 1 … n` of `attempt`; `merged == n` means: this is the whole text so far."""

    room: str
    message: str
    attempt: int
    n: int
    text: str
    merged: int = 1


class AnswerStage(_Event, tag="answer.stage"):
    room: str
    message: str
    attempt: int
    stage: StageName
    sources: list[Source] | UnsetType = UNSET


class RoomAdded(_Event, tag="room.added"):
    room: RoomEntry


class RoomSummary(_Event, tag="room.summary"):
    room: str
    rev: int
    unread: int
    last: Message | None = None


class RoomYou(_Event, tag="room.you"):
    room: str
    role: Role
    read: int
    unread: int


class RoomPresence(_Event, tag="room.presence"):
    """Rooms over 50 members carry counts only: then `user` and `online` are left out."""

    room: str
    user: str | UnsetType = UNSET
    online: bool | UnsetType = UNSET
    count: int | UnsetType = UNSET


class RoomTyping(_Event, tag="room.typing"):
    room: str
    user: str
    on: bool


class RoomRead(_Event, tag="room.read"):
    room: str
    user: str
    seq: int


class RoomGone(_Event, tag="room.gone"):
    room: str
    code: GoneCode


class DocumentEvent(_Event, tag="document"):
    """A document that this user gave got further; at most 4 a second for each, and any of them may be lost."""

    document: DocumentState


class Bye(_Event, tag="bye"):
    code: int
    reason: str
    retry_after: float | UnsetType = UNSET


type ServerFrame = (
    Ok | Error | Welcome | Ready | RoomChanges | MessageEvent | RoomUpdated | AnswerDelta | AnswerStage | RoomAdded
    | RoomSummary | RoomYou | RoomPresence | RoomTyping | RoomRead | RoomGone
    | DocumentEvent | Bye
)  # fmt: skip

SERVER_FRAMES: tuple[type[_Event], ...] = (
    Ok, Error, Welcome, Ready, RoomChanges, MessageEvent, RoomUpdated, AnswerDelta, AnswerStage, RoomAdded,
    RoomSummary, RoomYou, RoomPresence, RoomTyping, RoomRead, RoomGone,
    DocumentEvent, Bye,
)  # fmt: skip


class Close(Struct, frozen=True):
    """Why a socket is closed, as a value; `retry_after` is in seconds."""

    code: int
    reason: str
    retry_after: float | None = None


DONE = Close(1000, "done")
UNAUTHENTICATED = Close(4001, "unauthenticated")
VIOLATION = Close(4002, "protocol violation")
FORBIDDEN = Close(4003, "forbidden")
NO_HELLO = Close(4004, "no hello in time")
SLOW = Close(4008, "too slow")
RESTART = Close(4012, "server restarting")
LIMITED = Close(4029, "too many connections")
