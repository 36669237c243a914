"""What waits to go to one Redis: subscriptions as a wanted state, publications in bounded batches per group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chatserver.metrics import Counter, Histogram

__all__ = ["Lane"]

type Item = tuple[str, str, bytes]

QUEUE_BYTES = 4 * 1024 * 1024
QUEUE_ITEMS = 20_000
BATCH_BYTES = 512 * 1024
STEP_SECONDS = 1.0
PAUSE_MAX = 1.0

PUBLISHED = Counter("chatserver_bus_published_total", "Publications sent to Redis, after batching.")
DROPPED = Counter(
    "chatserver_bus_dropped_total",
    "Messages to other processes dropped; positions heal them.",
    label="why",
    values=("away", "full"),
)
SECONDS = Histogram("chatserver_redis_seconds", "Duration of one publication or subscription at Redis.")


class Lane:
    """One task sends; whoever offers never waits. What waits for one group goes out as one publication."""

    def __init__(
        self,
        perform: Callable[[str, list[Item] | None], Awaitable[None]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._perform = perform
        self._failed = failed
        self._changes: dict[str, None] = {}
        self._queue: dict[str, list[Item]] = {}
        self._bytes = 0
        self._items = 0
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def offer(self, group: str, item: Item, size: int, *, lossy: bool) -> None:
        """Queue a publication. Half of the queue is kept for what is not `lossy`."""
        limit = 2 if lossy else 1
        if self._bytes + size > QUEUE_BYTES // limit or self._items >= QUEUE_ITEMS // limit:
            DROPPED.add(label="full")
            return
        self._queue.setdefault(group, []).append(item)
        self._bytes += size
        self._items += 1
        self._wake()

    def change(self, group: str) -> None:
        """The wanted state of the subscription to `group` changed."""
        self._changes[group] = None
        self._wake()

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing is queued, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        pause = 0.05
        while True:
            await self._work.wait()
            group, items = self._next()
            try:
                # A Redis that hangs must not hold this lane for ever; cancelling makes redis-py drop the connection.
                with SECONDS.time():
                    async with asyncio.timeout(STEP_SECONDS):
                        await self._perform(group, items)
                pause = 0.05
                PUBLISHED.add(items is not None)
            except Exception as error:
                self._failed(error)
                if items is None:
                    self._changes[group] = None
                self._discard()
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX)
            if not self._changes and not self._queue:
                self._work.clear()
                self._idle.set()

    def _next(self) -> tuple[str, list[Item] | None]:
        if self._changes:  # first, so that a nonce never overtakes its SUBSCRIBE
            group = next(iter(self._changes))
            del self._changes[group]
            return group, None
        group = next(iter(self._queue))
        waiting, size = self._queue.pop(group), 0
        batch: list[Item] = []
        for index, item in enumerate(waiting):
            if batch and size + len(item[2]) > BATCH_BYTES:
                self._queue[group] = waiting[index:]  # behind the other groups
                break
            batch.append(item)
            size += len(item[2])
        self._bytes -= size
        self._items -= len(batch)
        return group, batch

    def _discard(self) -> None:
        """Redis is away: what waits would be stale when it is back, and the truth heals its absence."""
        if self._items:
            DROPPED.add(self._items, "away")
        self._queue.clear()
        self._bytes = self._items = 0

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()
