"""What one beat of presence costs a process, by the number of people who are connected to the others."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis

from bench.crowd import user_ids
from chatserver.realtime.hub import Hub
from chatserver.realtime.presence import BEAT_SECONDS, Presence, Roster
from tests.own_redis import own_redis

SIZES = (10_000, 50_000, 100_000, 200_000)
PER_PROCESS = 5_000
BEATS = 3


class Nobody:
    """A hub without sockets."""

    on_presence: Callable[[str, bool], None]
    online: Callable[[str], bool]

    def presence_changed(self, user: str, online: bool) -> None:
        pass

    def here(self) -> list[str]:
        return []


async def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder, own_redis(Path(folder)) as server:
        redis: Any = Redis.from_url(server.url)
        presence = Presence([redis], cast(Hub, Nobody()), process="bench")
        roster, there = Roster(), 0
        for size in SIZES:
            for users in user_ids(size - there, PER_PROCESS):
                name = f"process{there}"
                await redis.hset(f"presence:{name}", mapping=dict.fromkeys(users, "1"))
                await redis.sadd("presence", name)
                there += len(users)
            before, sent = time.process_time(), await _sent(redis)
            for beat in range(BEATS):
                found = await presence._exchange(redis)
                roster.beat({user for users in found for user in users}, beat * BEAT_SECONDS)
            cpu, size_read = (time.process_time() - before) / BEATS, (await _sent(redis) - sent) / BEATS
            print(
                f"  {size:,} people elsewhere: {cpu * 1e3:.0f} ms of CPU time, {size_read / 2**20:.1f} MiB from Redis, "
                f"every {BEAT_SECONDS:g} s"
            )
        await redis.aclose()


async def _sent(redis: Any) -> int:
    return int((await redis.info("stats"))["total_net_output_bytes"])
