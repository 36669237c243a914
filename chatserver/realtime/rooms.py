"""A room that this process serves: its replica, its sockets, and how much memory all of them may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from chatserver.metrics import Counter
from chatserver.realtime.replica import Replica
from chatserver.realtime.socket import Socket

__all__ = ["MEMORY_BYTES", "Served", "Shelves"]

MEMORY_BYTES = 64 * 1024 * 1024

COOLED = Counter("chatserver_replicas_cooled_total", "Replicas that gave up their messages to stay within memory.")


class Served:
    """`pins` keeps it while somebody works with it; `doubt`: its subscription is not proved."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.replica = Replica(room)
        self.sockets: set[Socket] = set()
        self.ready: asyncio.Task[None] | None = None
        self.doubt = True
        self.confirming = False
        self.pins = 0
        self.used_at = time.monotonic()
        self.count_due = False
        self.counted = 0
        """Bytes of the replica that `Shelves` has counted."""
        self._heal_at: float | None = None
        self._heal_timer: asyncio.TimerHandle | None = None
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def heal_when(self, due: float | None, now: float, heal: Callable[[], None]) -> None:
        """Call `heal` at `due` (monotonic seconds); None: not any more."""
        if due == self._heal_at:
            return
        if self._heal_timer:
            self._heal_timer.cancel()
            self._heal_timer = None
        self._heal_at = due
        if due is not None:

            def fire() -> None:
                self._heal_timer = self._heal_at = None
                heal()

            self._heal_timer = asyncio.get_running_loop().call_later(max(0.0, due - now), fire)

    def hear(self, answer: str) -> asyncio.Future[None]:
        """Done when the next thing about `answer` arrives."""
        if answer not in self._waiting:
            self._waiting[answer] = asyncio.get_running_loop().create_future()
        return self._waiting[answer]

    def heard(self, answer: str) -> None:
        if self._waiting and (future := self._waiting.pop(answer, None)) and not future.done():
            future.set_result(None)

    def close(self) -> None:
        if self._heal_timer:
            self._heal_timer.cancel()
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()


class Shelves:
    """Keeps all replicas together within `MEMORY_BYTES`: those used longest ago go cold."""

    def __init__(self, rooms: Mapping[str, Served], limit: int = MEMORY_BYTES) -> None:
        self._rooms = rooms
        self._limit = limit
        self.size = 0

    def grew(self, served: Served) -> None:
        size = served.replica.size
        self.size += size - served.counted
        served.counted = size
        if self.size > self._limit:
            self._shrink()

    def _shrink(self) -> None:
        self.size = 0
        for served in self._rooms.values():
            served.counted = served.replica.size
            self.size += served.counted
        for served in sorted(self._rooms.values(), key=lambda served: served.used_at):
            if self.size <= self._limit * 7 // 8:
                return
            if served.replica.loaded and not served.pins and served.replica.shelf.size:
                served.replica.cool()
                COOLED.add()
                self.size -= served.counted - served.replica.size
                served.counted = served.replica.size
