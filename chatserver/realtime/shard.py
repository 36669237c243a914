"""One Redis of the bus: what goes out to it, what comes in from it, and whether it can be relied on.

Each has a layer, a connection and a judgement of its own, so that a Redis that is away, or hangs, is felt by its rooms
alone. What the layer does not tell is found out here: whether the connection lives (a probe to oneself after silence)
and whether it was replaced (every new connection is followed by a probe).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chatserver.metrics import Counter
from chatserver.realtime.lane import Item, Lane

__all__ = ["Layer", "Shard"]

log = logging.getLogger(__name__)

SILENCE_SECONDS = 1.0
LOST_SECONDS = 2.0
REBUILD_SECONDS = 10.0
YIELD_EVERY = 64

LOST = Counter("chatserver_bus_lost_total", "Times the connection to Redis was found lost or replaced.")


class Layer(Protocol):
    """The part of a Channels layer that is used."""

    async def new_channel(self) -> str: ...
    async def receive(self, channel: str) -> dict[str, Any]: ...
    async def group_add(self, group: str, channel: str) -> None: ...
    async def group_discard(self, group: str, channel: str) -> None: ...
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...
    async def flush(self) -> None: ...


class Shard:
    """`take(own, group, items)` gets what arrives, `own` when this process sent it. `proved` is called when the
    connection is known to work after it was not: something may have been missed. Neither may block.
    """

    def __init__(
        self,
        *,
        process: str,
        name: str,
        take: Callable[[bool, str, Sequence[Item]], None],
        proved: Callable[[], None],
    ) -> None:
        """`name`: of this Redis among several, for the log. `layer` is set before `start`."""
        self.layer: Layer
        self.healthy = False
        self._process = process
        self._name = name
        self._take_items = take
        self._tell_proved = proved
        self._lane = Lane(self._perform, self._failed)
        self._probe = f"probe.{process}"
        self._heard = 0.0
        self._suspect = True
        self._anew = False
        self._channel = ""
        self._joined: set[str] = set()
        self._proved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._receiver: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._watch(), name="bus: watch"),
            asyncio.create_task(self._lane.run(), name="bus: send"),
        ]

    async def until_proved(self) -> None:
        await self._proved.wait()

    async def stop(self) -> None:
        """Send what is queued if that is quick, then end."""
        await self._lane.drained(0.5)
        tasks = [*self._tasks, *([self._receiver] if self._receiver else [])]
        for task in tasks:
            task.cancel()
        # Cancelling a receive makes the layer talk to Redis once more, which may hang.
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        try:
            async with asyncio.timeout(1.0):
                await self.layer.flush()
        except Exception as error:
            log.debug("bus: %r while closing", error)

    def offer(self, group: str, item: Item, *, lossy: bool) -> None:
        """Publish to the group. Never waits; a full queue drops, `lossy` ones first."""
        self._lane.offer(group, item, len(item[2]), lossy=lossy)

    def join(self, group: str) -> None:
        if group not in self._joined:
            self._joined.add(group)
            self._lane.change(group)

    def leave(self, group: str) -> None:
        self._joined.discard(group)
        self._lane.change(group)

    def connected(self) -> None:
        """A connection was made, maybe in place of a lost one: what came in between is unknown."""
        self._suspect = True

    async def _perform(self, group: str, items: list[Item] | None) -> None:
        """One step of the lane: publish `items`, or (None) bring the subscription to `group` to what is wanted."""
        if self._anew:
            await self._renew()
        if items is not None:
            parts = [[room, kind, data] for room, kind, data in items]
            message = {"type": "bus", "origin": self._process, "group": group, "items": parts}
            await self.layer.group_send(group, message)
            return
        if not self._channel:
            self._channel = await self.layer.new_channel()
            self._receiver = asyncio.create_task(self._receive(self._channel), name="bus: receive")
        if group in self._joined:
            await self.layer.group_add(group, self._channel)
        else:
            await self.layer.group_discard(group, self._channel)

    async def _renew(self) -> None:
        """Make the connections and subscriptions anew. As a step of the lane, so that no other step is under way; what
        cuts it short has it tried again."""
        if self._receiver:
            self._receiver.cancel()
            await asyncio.wait((self._receiver,), timeout=0.2)
        self._receiver, self._channel = None, ""
        await self.layer.flush()
        self._anew = False
        for group in self._joined:
            self._lane.change(group)

    def _failed(self, error: BaseException) -> None:
        if self.healthy:
            log.warning("bus: %s does not answer (%r); its rooms go on within this process", self._name, error)
            LOST.add()
        self.healthy = False

    async def _receive(self, channel: str) -> None:
        count = 0
        while True:
            try:
                message = await self.layer.receive(channel)
                self._take(message)
            except Exception:
                log.exception("bus: a message could not be handled")
            count += 1
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a filled queue never suspends its reader

    def _take(self, message: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        own, group = message["origin"] == self._process, message["group"]
        if group != self._probe:
            self._take_items(own, group, message["items"])
        elif own and self._suspect:
            self._suspect = False
            if not self.healthy:
                log.info("bus: connected to %s", self._name)
            self.healthy = True
            self._proved.set()
            self._tell_proved()

    async def _watch(self) -> None:
        """Keep the connection proved: probe after silence, at once after a reconnect."""
        probed = 0.0
        lost_at: float | None = None
        self.join(self._probe)
        while True:
            now = time.monotonic()
            if self._suspect or now - max(self._heard, probed) >= SILENCE_SECONDS:
                probed = now
                self.offer(self._probe, (self._probe, "probe", b""), lossy=True)
            if not self._suspect and now - self._heard > SILENCE_SECONDS + LOST_SECONDS:
                self._suspect = True
                self._failed(TimeoutError("a probe did not come back"))
            lost_at = None if self.healthy else (lost_at or now)
            if lost_at is not None and now - lost_at > REBUILD_SECONDS:
                # A half-open connection never says so.
                lost_at = now
                self._anew = True
                self._lane.change(self._probe)
            await asyncio.sleep(0.05 if self._suspect else 0.25)
