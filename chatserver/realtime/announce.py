"""Events from processes that have no event loop and no sockets: published so that every hub receives them.

It writes what `realtime.bus` writes, by a plain Redis client: to whom all listen, without hearing anybody.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import msgspec
from redis import Redis, RedisError

from chatserver.realtime.bus import ALL, group_of, prefix_of, shard_of

__all__ = ["Announcer"]

log = logging.getLogger(__name__)

SOCKET_SECONDS = 0.5
PAUSE_SECONDS = 5.0
"""While Redis is away it is asked no more often than this: nobody's work waits for an announcement."""


class Announcer:
    """One per process; threads may share it. `urls` are those of all hosts, as the bus has them."""

    def __init__(self, urls: Sequence[str]) -> None:
        group = group_of(ALL)
        prefix = prefix_of(urls)
        url = urls[shard_of(group, prefix, len(urls))]
        self._redis = Redis.from_url(url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS)
        self._channel, self._group = f"{prefix}__group__{group}", group
        self._away_until = 0.0

    def announce(self, kind: str, data: bytes) -> bool:
        """Publish to all processes; False when it was lost. Never raises, and takes a second at most."""
        if time.monotonic() < self._away_until:
            return False
        message = {"type": "bus", "origin": "", "group": self._group, "items": [[ALL, kind, data]]}
        try:
            self._redis.publish(self._channel, msgspec.msgpack.encode(message))
        except (RedisError, OSError) as error:
            log.info("not announced: Redis does not answer (%r)", error)
            self._away_until = time.monotonic() + PAUSE_SECONDS
            return False
        return True

    def close(self) -> None:
        self._redis.close()
