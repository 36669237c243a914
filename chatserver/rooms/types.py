"""What the store takes and gives, beyond the wire's own types."""

from __future__ import annotations

from msgspec import Struct

from chatserver.protocol.frames import Member, Message, Role, RoomMeta, Status, User

__all__ = ["Appended", "Draft", "Job", "JobBeat", "MessageInfo", "Person", "Room", "RoomChange"]


class Draft(Struct, frozen=True, kw_only=True):
    """A message to append. `id` and `answer` are the ids to use when it is new; `ask` None leaves it to the policy;
    `trace`: the `traceparent` of who asks, empty when it is not traced."""

    room: str
    author: User
    cid: str
    text: str
    id: str
    answer: str
    reply_to: str | None = None
    ask: bool | None = None
    trace: str = ""


class Appended(Struct, frozen=True, kw_only=True):
    """What stands in PostgreSQL now. The messages are None for a duplicate: whoever stored them published them."""

    message: str
    seq: int
    answer: str | None
    duplicate: bool
    question: Message | None = None
    pending: Message | None = None


class Job(Struct, frozen=True, kw_only=True):
    """A claimed answer. `losses`: workers that fell silent over it since it was asked for. `trace`: the `traceparent`
    of the question; after a retry that of the retry, and then the question's."""

    message: str
    room: str
    attempt: int
    losses: int = 0
    trace: str = ""


class JobBeat(Struct, frozen=True, kw_only=True):
    """A running job as another worker sees it."""

    message: str
    room: str
    attempt: int
    beat: int
    losses: int
    worker: str


class MessageInfo(Struct, frozen=True, kw_only=True):
    """Where a message is and whose it is. `question`: of an answer, its question's id."""

    room: str
    author: str
    kind: str
    status: Status
    attempt: int
    question: str | None


class Room(Struct, frozen=True, kw_only=True):
    """A room with what one user may do in it. `role` is None for somebody who is no member."""

    id: str
    site: str
    meta: RoomMeta
    rev: int
    role: Role | None


class RoomChange(Struct, frozen=True, kw_only=True):
    """A committed change of settings or members: the room as it is now, at `rev`."""

    room: str
    rev: int
    meta: RoomMeta
    members: tuple[Member, ...] = ()
    removed: tuple[str, ...] = ()


class Person(Struct, frozen=True, kw_only=True):
    """A user whom one may invite."""

    id: str
    name: str
    kind: str
    username: str
