"""The messages a replica holds, in their latest form and already encoded, with what is known to be complete. Pure.

Two bounds are kept exact, whatever is evicted: every row with `rev > floor` is held, and every message with
`seq > low` is held. The first serves clients that come back, the second those that need a snapshot.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from chatserver.protocol.frames import OBJECT_BYTES, SNAPSHOT_MESSAGES, Message
from chatserver.realtime.ports import RoomState

__all__ = ["ROOM_BYTES", "Row", "Shelf"]

ROOM_BYTES = 256 * 1024
BURST_BYTES = 1024 * 1024
"""A shelf may grow to this between two trims, so that a client far behind is served in one go."""
WINDOW_BYTES = OBJECT_BYTES * 3 // 8
"""A snapshot with this much in it needs no further messages."""

_encode = msgspec.json.Encoder().encode


class Row(Struct, frozen=True):
    id: str
    seq: int
    rev: int
    attempt: int
    pending: bool
    answer: bool
    raw: bytes
    """The message as JSON."""


class Shelf:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.size = 0
        self.floor = 0
        self.low = 0
        self._too_deep = -1

    def load(self, state: RoomState) -> None:
        """Begin with the latest messages by `seq`, as `Truth.load` gives them."""
        # An older message, not among these, may have been edited at any rev up to the head.
        self.floor = state.floor if len(state.messages) < SNAPSHOT_MESSAGES else state.rev
        self.low = state.rev
        self.widen(state)

    def widen(self, state: RoomState) -> None:
        """Put the latest messages by `seq` back; `state` must not be older than `floor`."""
        whole = len(state.messages) < SNAPSHOT_MESSAGES
        self.low = 0 if whole else min(self.low, *(message.seq - 1 for message in state.messages))
        for message in state.messages:
            self.put(message)

    def put(self, message: Message) -> None:
        """Keep `message` when it is newer than the form that is held."""
        held = self.rows.get(message.id)
        if held is not None:
            if held.rev >= message.rev:
                return
            self.size -= len(held.raw)
        raw = _encode(message)
        self.size += len(raw)
        self.rows[message.id] = Row(
            id=message.id,
            seq=message.seq,
            rev=message.rev,
            attempt=message.attempt,
            pending=message.status == "pending",
            answer=message.author.kind == "assistant",
            raw=raw,
        )
        if self.size > BURST_BYTES:
            self.trim()

    def has(self, message: str, rev: int) -> bool:
        held = self.rows.get(message)
        return held is not None and held.rev >= rev

    def ended(self, answer: str) -> int:
        """The latest attempt whose end the held form of `answer` tells of; 0: none."""
        held = self.rows.get(answer)
        return 0 if held is None else held.attempt - held.pending

    def reach(self, rev: int) -> None:
        """All rows above `rev` are about to be put."""
        self.floor = min(self.floor, rev)

    def too_deep(self, rev: int) -> None:
        """More rows than one client may be sent lie above `rev`."""
        self._too_deep = max(self._too_deep, rev)

    def deep(self, rev: int) -> bool:
        return rev <= self._too_deep

    def since(self, rev: int) -> list[str]:
        """Ids of the rows above `rev`, ascending by rev."""
        return [row.id for row in sorted(self.rows.values(), key=_by_rev) if row.rev > rev]

    def count_since(self, rev: int) -> int:
        return sum(row.rev > rev for row in self.rows.values())

    def window(self) -> list[str]:
        """Ids of the latest messages by `seq`, ascending by rev."""
        rows = sorted((row for row in self.rows.values() if row.seq > self.low), key=_by_seq)[-SNAPSHOT_MESSAGES:]
        return [row.id for row in sorted(rows, key=_by_rev)]

    def window_ready(self) -> bool:
        """Whether `window` is all that a snapshot needs."""
        if self.low == 0:
            return True
        rows = [row for row in self.rows.values() if row.seq > self.low]
        return len(rows) >= SNAPSHOT_MESSAGES or sum(len(row.raw) for row in rows) >= WINDOW_BYTES

    def trim(self, limit: int = ROOM_BYTES) -> None:
        """Evict the rows with the lowest revs until at most `limit` bytes are held."""
        if self.size <= limit:
            return
        for row in sorted(self.rows.values(), key=_by_rev):
            if self.size <= limit * 7 // 8:
                break
            del self.rows[row.id]
            self.size -= len(row.raw)
            self.floor = max(self.floor, row.rev)
            self.low = max(self.low, row.seq)

    def clear(self, rev: int) -> None:
        """Hold nothing of a room that is at `rev`."""
        self.rows.clear()
        self.size = 0
        self.floor = self.low = rev


def _by_rev(row: Row) -> int:
    return row.rev


def _by_seq(row: Row) -> int:
    return row.seq
