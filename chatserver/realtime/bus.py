"""Between the processes: what one publishes, every other that serves the room receives, as the same bytes.

Runs over a Channels layer (channels_redis' pub/sub layer). Losing a message loses nothing that lasts, because
everything that lasts has a position; so nothing here waits for Redis, and a full queue drops. What the layer does not
tell is found out here: whether a subscription is in force (a nonce comes back through it), whether the connection
lives (a probe to oneself after silence), and whether it was replaced (every new connection is followed by a probe).
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from chatserver.metrics import Counter, Gauge
from chatserver.realtime.lane import Lane

__all__ = ["ALL", "Bus", "Layer", "group_of", "prefix_of", "shard_of"]

log = logging.getLogger(__name__)

ALL = ""
"""The room name of what concerns every process."""
CONFIRM_SECONDS = 1.0
SILENCE_SECONDS = 1.0
LOST_SECONDS = 2.0
REBUILD_SECONDS = 10.0
YIELD_EVERY = 64

RECEIVED = Counter("chatserver_bus_received_total", "Messages received from other processes.")
LOST = Counter("chatserver_bus_lost_total", "Times the connection to Redis was found lost or replaced.")
HEALTHY = Gauge("chatserver_bus_healthy", "1 while this process hears the others through Redis.")


class Layer(Protocol):
    """The part of a Channels layer that is used."""

    async def new_channel(self) -> str: ...
    async def receive(self, channel: str) -> dict[str, Any]: ...
    async def group_add(self, group: str, channel: str) -> None: ...
    async def group_discard(self, group: str, channel: str) -> None: ...
    async def group_send(self, group: str, message: dict[str, Any]) -> None: ...
    async def flush(self) -> None: ...


class Bus:
    """One per process. `on_message(room, kind, data)` gets what others published; `on_doubt()` says that something
    may have been missed. Both are called on the event loop and must not block.
    """

    def __init__(self, layer: Layer, *, process: str, shards: int = 1, prefix: str = "asgi") -> None:
        self.process = process
        self.on_message: Callable[[str, str, bytes], None] = lambda room, kind, data: None
        self.on_doubt: Callable[[], None] = lambda: None
        self.healthy = False
        self._layer = layer
        self._prefix = prefix
        self._lanes = [Lane(self._perform, self._failed) for _ in range(shards)]
        self._probes = self._probe_groups(shards)
        self._heard = [0.0] * shards
        self._suspect = [True] * shards
        self._channel = ""
        self._joined: set[str] = set()
        self._confirming: dict[str, asyncio.Future[None]] = {}
        self._proved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._receiver: asyncio.Task[None] | None = None

    @classmethod
    def over_redis(cls, urls: Sequence[str], *, process: str) -> Self:
        """A bus over one Redis, or several that share the rooms. All processes must name the same hosts."""
        from channels_redis.pubsub import RedisPubSubChannelLayer

        # It logs a traceback per second while Redis is away; the bus says so once, in one line.
        logging.getLogger("channels_redis.pubsub").setLevel(logging.CRITICAL)
        prefix = prefix_of(urls)
        bus: Self | None = None

        async def connected(connection: Any) -> None:
            await connection.on_connect()
            if bus is not None:
                bus.connected()

        hosts = [
            {
                "address": url,
                "socket_timeout": None,  # redis-py's default of 5 s would end idle subscriptions
                "socket_connect_timeout": 2,
                "health_check_interval": 15,
                "redis_connect_func": connected,
            }
            for url in urls
        ]
        bus = cls(RedisPubSubChannelLayer(hosts=hosts, prefix=prefix), process=process, shards=len(urls), prefix=prefix)
        return bus

    async def start(self) -> None:
        """Begin; returns at once, also when Redis is away."""
        HEALTHY.read = lambda: self.healthy
        self._tasks = [asyncio.create_task(self._watch(), name="bus: watch")]
        self._tasks += [asyncio.create_task(lane.run(), name="bus: send") for lane in self._lanes]

    async def ready(self, seconds: float) -> bool:
        """Wait until Redis has answered a probe, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._proved.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Send what is queued if that is quick, then end."""
        for lane in self._lanes:
            await lane.drained(0.5)
        tasks = [*self._tasks, *([self._receiver] if self._receiver else [])]
        for task in tasks:
            task.cancel()
        # Cancelling a receive makes the layer talk to Redis once more, which may hang.
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        try:
            async with asyncio.timeout(1.0):
                await self._layer.flush()
        except Exception as error:
            log.debug("bus: %r while closing", error)

    # --- for the hub -----------------------------------------------------------------------------------------------

    def offer(self, room: str, kind: str, data: bytes, *, lossy: bool = False) -> None:
        """Publish to every other process that serves `room`. Never waits; a full queue drops, `lossy` ones first."""
        group = group_of(room)
        self._lanes[self._shard(group)].offer(group, (room, kind, data), len(data), lossy=lossy)

    async def subscribe(self, room: str) -> bool:
        """Receive what is published for `room`; True once that is proved, False when it is in doubt after 1 s.

        In doubt the subscription is kept up all the same; ask again later.
        """
        group = group_of(room)
        self._join(group)
        if not self.healthy:
            return False
        return await self._confirm(group, room)

    def unsubscribe(self, room: str) -> None:
        group = group_of(room)
        self._joined.discard(group)
        self._lanes[self._shard(group)].change(group)

    def connected(self) -> None:
        """A connection to Redis was made, maybe in place of a lost one: what came in between is unknown."""
        self._suspect = [True] * len(self._suspect)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _join(self, group: str) -> None:
        if group not in self._joined:
            self._joined.add(group)
            self._lanes[self._shard(group)].change(group)

    async def _confirm(self, group: str, room: str) -> bool:
        future = self._confirming.get(group)
        if future is None:
            future = self._confirming[group] = asyncio.get_running_loop().create_future()
        pause = 0.005
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                # SUBSCRIBE is only written, not yet in force, when the layer returns: a nonce may come too early.
                while not future.done():
                    self.offer(room, "nonce", b"")
                    await asyncio.wait((future,), timeout=pause)
                    pause = min(pause * 2, 0.2)
        except TimeoutError:
            return False
        finally:
            if self._confirming.get(group) is future:
                del self._confirming[group]
        return True

    async def _perform(self, group: str, items: list[tuple[str, str, bytes]] | None) -> None:
        """One step of a lane: publish `items`, or (None) bring the subscription to `group` to what is wanted."""
        if items is not None:
            parts = [[room, kind, data] for room, kind, data in items]
            await self._layer.group_send(group, {"type": "bus", "origin": self.process, "group": group, "items": parts})
            return
        if not self._channel:
            self._channel = await self._layer.new_channel()
            self._receiver = asyncio.create_task(self._receive(self._channel), name="bus: receive")
        if group in self._joined:
            await self._layer.group_add(group, self._channel)
        else:
            await self._layer.group_discard(group, self._channel)

    def _failed(self, error: BaseException) -> None:
        if self.healthy:
            log.warning("bus: Redis does not answer (%r); rooms go on within this process", error)
            LOST.add()
        self.healthy = False

    async def _receive(self, channel: str) -> None:
        count = 0
        while True:
            try:
                message = await self._layer.receive(channel)
                self._take(message)
            except Exception:
                log.exception("bus: a message could not be handled")
            count += 1
            if count % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a filled queue never suspends its reader

    def _take(self, message: dict[str, Any]) -> None:
        group = message["group"]
        shard = self._shard(group)
        self._heard[shard] = time.monotonic()
        own = message["origin"] == self.process
        if own and group == self._probes[shard]:
            self._probed(shard)
        for room, kind, data in message["items"]:
            if not own:
                RECEIVED.add()
                self.on_message(room, kind, data)
            elif kind == "nonce" and (future := self._confirming.get(group)) and not future.done():
                future.set_result(None)

    def _probed(self, shard: int) -> None:
        if not self._suspect[shard]:
            return
        self._suspect[shard] = False
        if not any(self._suspect):
            if not self.healthy:
                log.info("bus: connected to Redis")
            self.healthy = True
            self._proved.set()
            self.on_doubt()

    async def _watch(self) -> None:
        """Keep every shard's connection proved: probe after silence, at once after a reconnect."""
        probed = [0.0] * len(self._lanes)
        lost_at: float | None = None
        for group in (group_of(ALL), *self._probes):
            self._join(group)
        while True:
            now = time.monotonic()
            for shard, probe in enumerate(self._probes):
                silent = now - max(self._heard[shard], probed[shard])
                if self._suspect[shard] or silent >= SILENCE_SECONDS:
                    probed[shard] = now
                    self._lanes[shard].offer(probe, (probe, "probe", b""), 0, lossy=True)
                if not self._suspect[shard] and now - self._heard[shard] > SILENCE_SECONDS + LOST_SECONDS:
                    self._suspect[shard] = True
                    self._failed(TimeoutError("a probe did not come back"))
            lost_at = None if self.healthy else (lost_at or now)
            if lost_at is not None and now - lost_at > REBUILD_SECONDS:
                lost_at = now
                await self._rebuild()
            await asyncio.sleep(0.05 if any(self._suspect) else 0.25)

    async def _rebuild(self) -> None:
        """A half-open connection never says so: after a long silence make all of them anew."""
        if self._receiver:
            self._receiver.cancel()
            await asyncio.wait((self._receiver,), timeout=1.0)
        try:
            async with asyncio.timeout(1.0):
                await self._layer.flush()
        except Exception as error:
            log.debug("bus: %r while closing connections", error)
        self._channel = ""
        for group in self._joined:
            self._lanes[self._shard(group)].change(group)

    def _shard(self, group: str) -> int:
        return shard_of(group, self._prefix, len(self._lanes))

    def _probe_groups(self, shards: int) -> list[str]:
        """For every host, a group of our own that lives on it."""
        found: dict[int, str] = {}
        number = 0
        while len(found) < shards:
            group = f"probe.{self.process}.{number}"
            found.setdefault(self._shard(group), group)
            number += 1
        return [found[shard] for shard in range(shards)]


def group_of(room: str) -> str:
    """A valid Channels group name."""
    return f"room.{room}" if room else "all"


def prefix_of(urls: Sequence[str]) -> str:
    """Of the channels in Redis: processes that name other hosts do not hear each other by halves."""
    return "chat" + hashlib.sha256(",".join(urls).encode()).hexdigest()[:8]


def shard_of(group: str, prefix: str, shards: int) -> int:
    """The number of a group's host, as the layer maps them (channels_redis.utils), so that a hung host holds up only
    its own."""
    if shards == 1:
        return 0
    hashed = binascii.crc32(f"{prefix}__group__{group}".encode()) & 0xFFF
    return int(hashed / (4096 / shards))
