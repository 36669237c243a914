"""Asks the truth about rooms: one question at a time per process, for all rooms that wait.

A thousand sockets of one room, or a hundred rooms at once, cost one query. While one runs, what is asked meanwhile
gathers for the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from chatserver.errors import NotFound, Unavailable
from chatserver.metrics import Counter, Histogram
from chatserver.realtime.ports import RoomPosition, RoomState, Truth

__all__ = ["Healer"]

log = logging.getLogger(__name__)

LOADS = 50
"""Rooms per question, so that decoding the answer does not hold the loop for long."""
CHANGES = 500
PAUSE_MAX = 2.0

type Cause = Literal["gap", "stale", "subscription", "sweep", "truth", "epoch"]
"""A change is missing (`gap`); the replica cannot be continued (`stale`); its subscription was proved only now; the
comparison with PostgreSQL found something (`sweep`), or that PostgreSQL went back (`truth`) or is another one
(`epoch`)."""

HEALED = Counter(
    "chatserver_room_reads_total",
    "Rooms read from PostgreSQL to load or heal a replica.",
    label="kind",
    values=("changes", "load"),
)
CAUSES = Counter(
    "chatserver_heals_total",
    "Times a replica was found to lack something, by what found it.",
    label="cause",
    values=get_args(Cause.__value__),
)
SECONDS = Histogram("chatserver_heal_seconds", "Duration of such a read.")


@dataclass(slots=True)
class _Ask:
    load: bool = False
    position: RoomPosition | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


class Healer:
    """`loaded(room, state, asked_at)` and `healed(room, state, position, asked_at)` are called with what was read;
    `state` is None when the room is gone. `at(room)` gives the replica's position when a question is sent.
    """

    def __init__(
        self,
        truth: Truth,
        *,
        at: Callable[[str], RoomPosition | None],
        loaded: Callable[[str, RoomState | None, float], None],
        healed: Callable[[str, RoomState | None, RoomPosition, float], None],
    ) -> None:
        self._truth = truth
        self._at = at
        self._loaded = loaded
        self._healed = healed
        self._asks: dict[str, _Ask] = {}
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="hub: heal")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))
        for ask in self._asks.values():
            _finish(ask, Unavailable())
        self._asks.clear()

    def heal(self, room: str, cause: Cause, *, load: bool = False) -> None:
        """Note that `room` is to be compared with the truth (or read anew); repeated until it succeeds."""
        if room not in self._asks:
            CAUSES.add(label=cause)
        self._again(room, load=load)

    def _again(self, room: str, *, load: bool) -> None:
        ask = self._asks.setdefault(room, _Ask())
        ask.load = ask.load or load
        self._work.set()

    async def load(self, room: str) -> None:
        """Read `room` and wait. Raises `Unavailable`, or `NotFound` when it is gone."""
        await self._wait(room, load=True, position=None)

    async def deepen(self, room: str, position: RoomPosition | None) -> None:
        """Read what changed after `position` (None: after where the replica is), and wait; raises like `load`."""
        await self._wait(room, load=False, position=position)

    async def _wait(self, room: str, *, load: bool, position: RoomPosition | None) -> None:
        ask = self._asks.setdefault(room, _Ask())
        ask.load = ask.load or load
        if position is not None and (ask.position is None or position.rev < ask.position.rev):
            ask.position = position
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ask.waiting.append(future)
        self._work.set()
        await future

    async def _run(self) -> None:
        pause = 0.1
        while True:
            await self._work.wait()
            self._work.clear()
            asks, self._asks = self._asks, {}
            try:
                for batch in _batches([room for room, ask in asks.items() if ask.load], LOADS):
                    await self._load(batch, asks)
                for batch in _batches([room for room, ask in asks.items() if not ask.load], CHANGES):
                    await self._heal(batch, asks)
                pause = 0.1
            except Exception as error:
                if isinstance(error, Unavailable):
                    log.warning("hub: PostgreSQL is away; rooms go on from memory")
                else:
                    log.exception("hub: reading rooms failed")
                for room, ask in asks.items():
                    _finish(ask, error if isinstance(error, Unavailable) else Unavailable())
                    if self._at(room) is not None:
                        self._again(room, load=ask.load)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX)

    async def _load(self, rooms: list[str], asks: dict[str, _Ask]) -> None:
        asked_at = time.monotonic()
        states = await self._truth.load(rooms)
        SECONDS.observe(time.monotonic() - asked_at)
        HEALED.add(len(rooms), "load")
        for room in rooms:
            self._loaded(room, states.get(room), asked_at)
            _finish(asks.pop(room), None if states.get(room) else NotFound())

    async def _heal(self, rooms: list[str], asks: dict[str, _Ask]) -> None:
        asked_at = time.monotonic()
        positions: dict[str, RoomPosition] = {}
        for room in rooms:
            at, deep = self._at(room), asks[room].position
            if at is None:
                _finish(asks.pop(room), None)  # freed meanwhile
            else:
                positions[room] = deep if deep is not None and deep.rev < at.rev else at
        states = await self._truth.changes(positions) if positions else {}
        SECONDS.observe(time.monotonic() - asked_at)
        HEALED.add(len(positions), "changes")
        for room, position in positions.items():
            self._healed(room, states.get(room), position, asked_at)
            _finish(asks.pop(room), None if states.get(room) else NotFound())


def _batches(rooms: list[str], size: int) -> list[list[str]]:
    return [rooms[start : start + size] for start in range(0, len(rooms), size)]


def _finish(ask: _Ask, error: Exception | None) -> None:
    for future in ask.waiting:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
    ask.waiting.clear()
