"""What waits to be written to one socket: in order, counted in bytes, bounded. Pure: it is told the time.

The transport takes bytes without ever saying no (Daphne), so the queue is here and the writer pulls only while the
transport is not `paused`. Below `SOFT_BYTES` every object is queued as the very bytes that all sockets share. Beyond,
deltas of one answer gather in one slot, and what is only of the moment (typing, presence) is dropped.
"""

from __future__ import annotations

from collections import deque

import msgspec

from chatserver.metrics import Counter
from chatserver.protocol.frames import OBJECT_BYTES, AnswerDelta

__all__ = ["HARD_BYTES", "SOFT_BYTES", "STALL_SECONDS", "Outbox"]

SOFT_BYTES = 64 * 1024
HARD_BYTES = 1024 * 1024
STALL_SECONDS = 30.0
FRAME_BYTES = 64 * 1024
"""Objects are joined to one frame up to this size; a larger object travels alone."""
PIECE_CHARS = 16 * 1024

MERGED = Counter("chatserver_outbox_merged_total", "Deltas merged into a slot because a socket did not drain.")
DROPPED = Counter("chatserver_outbox_dropped_total", "Typing and presence dropped because a socket did not drain.")

_encode = msgspec.json.Encoder().encode


class _Slot:
    """The pending text of one answer's attempt: adjacent `(n, merged, text)` pieces, none larger than needed."""

    __slots__ = ("attempt", "cost", "message", "n", "pieces", "room")

    def __init__(self, delta: AnswerDelta, cost: int) -> None:
        self.room, self.message, self.attempt, self.n = delta.room, delta.message, delta.attempt, delta.n
        self.pieces = [(delta.n, delta.merged, delta.text)]
        self.cost = cost

    def extend(self, delta: AnswerDelta) -> int:
        """Append the next delta; returns the bytes it adds."""
        _, merged, text = self.pieces[-1]
        if len(text) + len(delta.text) <= PIECE_CHARS:
            self.pieces[-1] = (delta.n, merged + delta.merged, text + delta.text)
        else:
            self.pieces.append((delta.n, delta.merged, delta.text))
        self.n = delta.n
        added = len(_encode(delta.text)) - 2
        self.cost += added
        return added

    def encode(self) -> list[bytes]:
        """As few objects as `OBJECT_BYTES` allows."""
        return self._encode(self.pieces)

    def _encode(self, pieces: list[tuple[int, int, str]]) -> list[bytes]:
        data = _encode(
            AnswerDelta(
                room=self.room,
                message=self.message,
                attempt=self.attempt,
                n=pieces[-1][0],
                merged=sum(merged for _, merged, _ in pieces),
                text="".join(text for _, _, text in pieces),
            )
        )
        if len(data) <= OBJECT_BYTES or len(pieces) == 1:
            return [data]
        half = len(pieces) // 2
        return self._encode(pieces[:half]) + self._encode(pieces[half:])


class Outbox:
    """The queue of one socket. `unsent` is its size in bytes, 0 when it is empty; a slot counts as the object it would
    be."""

    def __init__(self) -> None:
        self._queue: deque[bytes | _Slot] = deque()
        self._slots: dict[str, _Slot] = {}
        self._since = 0.0
        self.unsent = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def offer(self, data: bytes, now: float) -> None:
        """Queue an object that is never dropped."""
        self._push(data, len(data), now)

    def offer_delta(self, delta: AnswerDelta, data: bytes, now: float) -> None:
        """Queue a delta (`data` is its encoding), or merge it with what waits of its answer.

        Only adjacent deltas merge. One that is not is queued apart: the client's rules see the gap, or replace.
        """
        slot = self._slots.get(delta.message)
        if slot is not None:
            if slot.attempt == delta.attempt and delta.n <= slot.n:
                return
            if slot.attempt == delta.attempt and delta.n - delta.merged == slot.n:
                MERGED.value += 1
                self.unsent += slot.extend(delta)
                return
            self._drop(slot)
        if self.unsent <= SOFT_BYTES:
            self._push(data, len(data), now)
            return
        slot = self._slots[delta.message] = _Slot(delta, len(data))
        self._push(slot, slot.cost, now)

    def offer_lossy(self, data: bytes, now: float) -> bool:
        """Queue what is only of the moment, unless the socket lags; returns whether it was queued."""
        if self.unsent > SOFT_BYTES:
            DROPPED.add()
            return False
        self._push(data, len(data), now)
        return True

    def forget(self, answer: str, attempt: int) -> None:
        """Delete what waits of `answer` up to `attempt`: that ended, a later one began, or a snapshot follows."""
        slot = self._slots.get(answer)
        if slot is not None and slot.attempt <= attempt:
            self._drop(slot)

    def forget_room(self, room: str) -> None:
        """Delete all slots of `room`: nothing of it may follow, or a snapshot of it does."""
        for slot in [slot for slot in self._slots.values() if slot.room == room]:
            self._drop(slot)

    def pull(self, now: float) -> bytes | None:
        """The next frame, or None. A frame of one object is the very bytes that were offered."""
        queue = self._queue
        if not queue:
            return None
        self._since = now
        if len(queue) == 1 and isinstance(queue[0], bytes):  # nearly always
            self.unsent = 0
            return queue.popleft()  # type: ignore[return-value]
        parts: list[bytes] = []
        size = 0
        while queue:
            head = queue[0]
            if isinstance(head, _Slot):
                queue.popleft()
                del self._slots[head.message]
                objects = head.encode()
                self.unsent += sum(map(len, objects)) - head.cost
                queue.extendleft(reversed(objects))
                continue
            if parts and size + 1 + len(head) > FRAME_BYTES:
                break
            queue.popleft()
            parts.append(head)
            size += len(head) + 1
            self.unsent -= len(head)
        return parts[0] if len(parts) == 1 else b"\n".join(parts)

    @property
    def full(self) -> bool:
        return self.unsent > HARD_BYTES

    def slow(self, now: float) -> bool:
        """Whether the socket is to be closed as too slow: too much waits, or nothing left for `STALL_SECONDS`."""
        return self.full or (bool(self._queue) and now - self._since > STALL_SECONDS)

    def _drop(self, slot: _Slot) -> None:
        del self._slots[slot.message]
        self._queue.remove(slot)
        self.unsent -= slot.cost

    def _push(self, item: bytes | _Slot, size: int, now: float) -> None:
        if not self._queue:
            self._since = now
        self._queue.append(item)
        self.unsent += size
