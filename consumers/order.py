"""In which order the commands of one socket run: each room's one after the other, different rooms side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec import Struct

from chatserver import logs
from chatserver.errors import RateLimited

__all__ = ["Order"]

AT_ONCE = 64
WAITING = 512
WAITING_BYTES = 1024 * 1024


class _Item[C](Struct):
    command: C
    size: int


class Order[C]:
    """`submit` never waits: beyond `WAITING` commands or `WAITING_BYTES` it raises `RateLimited`.

    `room_of` names a command's room at once, or None when `resolve` must be asked (it names a message, whose room is in
    the records). While one is resolved later commands wait, for they may be of the same room. Neither `resolve` nor
    `run` may raise; a command whose `resolve` returns None is done with.
    """

    def __init__(
        self,
        room_of: Callable[[C], str | None],
        resolve: Callable[[C], Awaitable[str | None]],
        run: Callable[[C], Awaitable[None]],
    ) -> None:
        self._room_of, self._resolve, self._run = room_of, resolve, run
        self._unsorted: deque[_Item[C]] = deque()
        self._rooms: dict[str, deque[_Item[C]]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0
        self._bytes = 0

    def submit(self, command: C, size: int) -> None:
        """Take a command whose frame had `size` characters."""
        if self._count >= WAITING or self._bytes + size > WAITING_BYTES:
            raise RateLimited("Too many commands of this socket wait for their turn.", retry_after=1.0)
        self._count += 1
        self._bytes += size
        item = _Item(command, size)
        if self._unsorted:
            self._unsorted.append(item)
        elif (room := self._room_of(command)) is not None:
            self._enqueue(room, item)
        else:
            self._unsorted.append(item)
            self._start(self._sort())

    async def idle(self) -> None:
        """Wait until nothing runs or waits."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _sort(self) -> None:
        while self._unsorted:
            item = self._unsorted[0]
            room = self._room_of(item.command) or await self._resolve(item.command)
            # Only now: until it is sorted, `submit` must see that something stands before.
            self._unsorted.popleft()
            if room is None:
                self._done(item)
            else:
                self._enqueue(room, item)

    def _enqueue(self, room: str, item: _Item[C]) -> None:
        if (queue := self._rooms.get(room)) is not None:
            queue.append(item)
        else:
            self._rooms[room] = deque([item])
            self._start(self._serve(room))

    async def _serve(self, room: str) -> None:
        logs.bind(room=room)  # in the context of this task alone
        queue = self._rooms[room]
        while queue:
            item = queue.popleft()
            async with self._slots:
                await self._run(item.command)
            self._done(item)
        del self._rooms[room]

    def _done(self, item: _Item[C]) -> None:
        self._count -= 1
        self._bytes -= item.size

    def _start(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
