"""What one beat of presence costs a process and Redis, by the number of people online on all processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis

from bench.crowd import user_ids
from chatserver.realtime.hub import Hub
from chatserver.realtime.presence import BEAT_SECONDS, USERS_AT_ONCE, Presence
from tests.own_redis import own_redis

SIZES = (10_000, 100_000, 1_000_000)
HERE = 5_000
ROOMS = 2_500
MEMBERS = (2, 20)
"""In each room, besides those here; one in ten of them is online elsewhere."""
BEATS = 5


class Process:
    """A hub with `HERE` users, whose rooms have members that are elsewhere or nowhere."""

    on_presence: Callable[[str, bool], None]
    online: Callable[[str], bool]
    find_online: Callable[[Iterable[str]], Awaitable[None]]

    def __init__(self, here: list[str], members: set[str]) -> None:
        self._here, self._members = here, members

    def presence_changed(self, changed: Mapping[str, bool]) -> None:
        pass

    def here(self) -> list[str]:
        return self._here

    def members(self) -> set[str]:
        return self._members


async def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder, own_redis(Path(folder)) as server:
        redis: Any = Redis.from_url(server.url)
        (here,) = user_ids(HERE, HERE)
        (offline,) = user_ids(ROOMS * max(MEMBERS), ROOMS * max(MEMBERS))
        online: list[str] = []
        for size in SIZES:
            for users in user_ids(size - HERE - len(online), USERS_AT_ONCE):
                await redis.zadd("online", dict.fromkeys(users, (await redis.time())[0] + 3600))
                online += users
            for count in MEMBERS:
                others = ROOMS * count
                members = {*here, *offline[: others * 9 // 10], *online[: others // 10]}
                presence = Presence([redis], cast(Hub, Process(here, members)))
                before, spent = time.process_time(), await _spent(redis)
                for _ in range(BEATS):
                    await presence._beat()
                cpu, theirs = (time.process_time() - before) / BEATS, (await _spent(redis) - spent) / BEATS
                print(
                    f"  {size:,} people online, {HERE:,} of them here, whose rooms have {len(members):,} members: "
                    f"{cpu * 1e3:.0f} ms of CPU time here and {theirs * 1e3:.0f} ms in Redis, every {BEAT_SECONDS:g} s"
                )
        await redis.aclose()


async def _spent(redis: Any) -> float:
    cpu = await redis.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
