"""Between the processes: what one publishes, every other that serves the room receives, as the same bytes.

Runs over Channels layers (channels_redis' pub/sub layer), one for each Redis. Losing a message loses nothing that
lasts, because everything that lasts has a position; so nothing here waits for Redis, and a full queue drops. Whether a
subscription is in force the layer does not tell: a nonce comes back through it.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from chatserver import tcp
from chatserver.metrics import Counter, Gauge
from chatserver.realtime.lane import Item
from chatserver.realtime.shard import Shard

__all__ = ["ALL", "Bus", "group_of", "prefix_of", "shard_of"]

ALL = ""
"""The room name of what concerns every process."""
CONFIRM_SECONDS = 1.0

RECEIVED = Counter("chatserver_bus_received_total", "Messages received from other processes.")
HEALTHY = Gauge("chatserver_bus_healthy", "1 while this process hears the others through Redis.")


class Bus:
    """One per process. `on_message(room, kind, data)` gets what others published; `on_doubt()` says that something
    may have been missed. Both are called on the event loop and must not block.
    """

    def __init__(self, *, process: str, shards: int = 1, prefix: str = "asgi") -> None:
        """Each of `shards` gets its layer before `start`."""
        self.process = process
        self.on_message: Callable[[str, str, bytes], None] = lambda room, kind, data: None
        self.on_doubt: Callable[[], None] = lambda: None
        self.shards = [
            Shard(process=process, name=_name(number, shards), take=self._take, proved=lambda: self.on_doubt())
            for number in range(shards)
        ]
        self._prefix = prefix
        self._confirming: dict[str, asyncio.Future[None]] = {}

    @classmethod
    def over_redis(cls, urls: Sequence[str], *, process: str) -> Self:
        """A bus over one Redis, or several that share the rooms. All processes must name the same hosts."""
        from channels_redis.pubsub import RedisPubSubChannelLayer

        # It logs a traceback per second while Redis is away; the bus says so once, in one line.
        logging.getLogger("channels_redis.pubsub").setLevel(logging.CRITICAL)
        prefix = prefix_of(urls)
        bus = cls(process=process, shards=len(urls), prefix=prefix)
        for shard, url in zip(bus.shards, urls, strict=True):
            shard.layer = RedisPubSubChannelLayer(hosts=[_host(url, shard)], prefix=prefix)
        return bus

    @property
    def healthy(self) -> bool:
        return all(shard.healthy for shard in self.shards)

    async def start(self) -> None:
        """Begin; returns at once, also when Redis is away."""
        HEALTHY.read = lambda: self.healthy
        everybody = group_of(ALL)
        self._shard(everybody).join(everybody)
        for shard in self.shards:
            shard.start()

    async def ready(self, seconds: float) -> bool:
        """Wait until every Redis has answered a probe, at most `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(shard.until_proved() for shard in self.shards))
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Send what is queued if that is quick, then end."""
        await asyncio.gather(*(shard.stop() for shard in self.shards))

    # --- for the hub -----------------------------------------------------------------------------------------------

    def offer(self, room: str, kind: str, data: bytes, *, lossy: bool = False) -> None:
        """Publish to every other process that serves `room`. Never waits; a full queue drops, `lossy` ones first."""
        group = group_of(room)
        self._shard(group).offer(group, (room, kind, data), lossy=lossy)

    async def subscribe(self, room: str) -> bool:
        """Receive what is published for `room`; True once that is proved, False when it is in doubt after 1 s.

        In doubt the subscription is kept up all the same; ask again later.
        """
        group = group_of(room)
        shard = self._shard(group)
        shard.join(group)
        return shard.healthy and await self._confirm(group, room)

    def unsubscribe(self, room: str) -> None:
        group = group_of(room)
        self._shard(group).leave(group)

    # --- inside ------------------------------------------------------------------------------------------------------

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

    def _take(self, own: bool, group: str, items: Sequence[Item]) -> None:
        for room, kind, data in items:
            if not own:
                RECEIVED.add()
                self.on_message(room, kind, data)
            elif kind == "nonce" and (future := self._confirming.get(group)) and not future.done():
                future.set_result(None)

    def _shard(self, group: str) -> Shard:
        return self.shards[shard_of(group, self._prefix, len(self.shards))]


def _host(url: str, shard: Shard) -> dict[str, Any]:
    """What channels_redis is told of one Redis."""

    async def connected(connection: Any) -> None:
        _tell_loss_from_silence(connection._reader)
        await connection.on_connect()
        shard.connected()

    return {
        "address": url,
        "socket_timeout": None,  # redis-py's default of 5 s would end idle subscriptions
        "socket_connect_timeout": 2,
        "health_check_interval": 15,
        "redis_connect_func": connected,
        **tcp.redis_options(url),
    }


def _tell_loss_from_silence(reader: asyncio.StreamReader) -> None:
    """What the kernel says of a dead connection, ETIMEDOUT, is a `TimeoutError` in Python. redis-py takes it for the
    end of a wait in which nothing came, and channels_redis would ask again, without a pause, for ever.
    """
    set_exception = reader.set_exception

    def told(error: Exception) -> None:
        set_exception(ConnectionResetError(str(error)) if isinstance(error, TimeoutError) else error)

    reader.set_exception = told  # type: ignore[method-assign,assignment]


def _name(number: int, shards: int) -> str:
    return "Redis" if shards == 1 else f"Redis {number + 1} of {shards}"


def group_of(room: str) -> str:
    """A valid Channels group name."""
    return f"room.{room}" if room else "all"


def prefix_of(urls: Sequence[str]) -> str:
    """Of the channels in Redis: processes that name other hosts do not hear each other by halves. A new password
    leaves it as it is."""
    return "chat" + hashlib.sha256(",".join(map(_place, urls)).encode()).hexdigest()[:8]


def _place(url: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("username", "password")]
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(query)).geturl()


def shard_of(group: str, prefix: str, shards: int) -> int:
    """The number of the host that a group lives on."""
    if shards == 1:
        return 0
    hashed = binascii.crc32(f"{prefix}__group__{group}".encode()) & 0xFFF
    return int(hashed / (4096 / shards))
