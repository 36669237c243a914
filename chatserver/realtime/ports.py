"""What the hub needs from the layers above it, as interfaces: the truth (PostgreSQL) and a socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from chatserver.protocol.frames import Member, Message, RoomEntry, RoomMeta, RoomSummary

__all__ = ["Head", "Pending", "RoomPosition", "RoomState", "Truth"]


class Head(Struct, frozen=True):
    """A room's counters. `meta_rev`: the rev of its latest change of settings or members."""

    rev: int
    meta_rev: int
    floor: int = 0


class RoomPosition(Struct, frozen=True):
    """How far a replica is: it wants messages with a higher rev, and the meta when that is newer."""

    rev: int
    meta_rev: int


class Pending(Struct, frozen=True):
    """An answer being written, as far as PostgreSQL knows (its text is only in its worker)."""

    message: str
    attempt: int


class RoomState(Struct, kw_only=True):
    """One consistent read of a room (one statement, one snapshot).

    From `Truth.load`: the last `SNAPSHOT_MESSAGES` messages, ascending by `seq`, with meta and members.
    From `Truth.changes`: messages with `rev` above the one given, ascending by `rev`, at most `CHANGES_MAX + 1`; `meta`
    and `members` only when `meta_rev` is above the one given.
    `pending` always lists every live answer of the room.
    """

    room: str
    epoch: str
    rev: int
    meta_rev: int
    floor: int
    messages: list[Message]
    pending: list[Pending]
    meta: RoomMeta | None = None
    members: list[Member] | None = None


class Truth(Protocol):
    """Reads of the records. Every method raises `Unavailable` when PostgreSQL is away; a missing room is `None`."""

    async def epoch(self) -> str: ...

    async def load(self, rooms: Sequence[str]) -> dict[str, RoomState | None]: ...

    async def changes(self, positions: Mapping[str, RoomPosition]) -> dict[str, RoomState | None]: ...

    async def heads(self, rooms: Sequence[str]) -> dict[str, Head]:
        """One query for all `rooms`; rooms that are gone are left out."""
        ...

    async def barred(self, users: Sequence[str]) -> set[str]:
        """Those of `users` who may not be connected any more: deactivated, or gone."""
        ...

    async def entries(
        self, user: str, *, limit: int, rooms: Sequence[str] | None = None
    ) -> tuple[list[RoomEntry], bool]:
        """The user's rooms by latest activity (or just those of `rooms`), and whether there are more."""
        ...

    async def summaries(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, RoomSummary]]:
        """For (user, room) pairs: the user's id and the summary; pairs that are no memberships are left out."""
        ...
