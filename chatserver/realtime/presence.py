"""Who is connected, to any process: each process keeps a hash of its users in Redis; nobody has to say goodbye.

A hash lives 15 s and is rewritten every 5 s, so a process that dies takes its users offline. A user is offline when no
process has had them for 10 s: whoever reloads a page never left. Of several Redis hosts each has all hashes, so that
one that answers is enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from chatserver.metrics import Gauge

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from chatserver.realtime.hub import Hub

__all__ = ["Presence", "Roster"]

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
TTL_SECONDS = 15
OFFLINE_SECONDS = 10.0
STEP_SECONDS = 2.0
PROCESSES_MAX = 1000
HOSTS = "#hosts"

ONLINE = Gauge("chatserver_users_online", "Users online, as far as this process knows.")


class Roster:
    """Who is online, and when they were last had by a process. Pure."""

    def __init__(self) -> None:
        self._here: set[str] = set()
        self._seen: dict[str, float] = {}

    def __contains__(self, user: object) -> bool:
        return user in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def arrive(self, user: str, now: float) -> bool:
        """A first socket here; returns whether the user came online by it."""
        new = user not in self._seen
        self._here.add(user)
        self._seen[user] = now
        return new

    def leave(self, user: str, now: float) -> None:
        self._here.discard(user)
        self._seen[user] = now

    def beat(self, elsewhere: Iterable[str] | None, now: float) -> tuple[list[str], list[str]]:
        """What the other processes have (None: they could not be asked). Returns who came online and who went."""
        if elsewhere is None:
            # Redis is away: whoever was online elsewhere stays so, rather than everybody leaving at once.
            for user in self._seen:
                if now - self._seen[user] <= OFFLINE_SECONDS:
                    self._seen[user] = now
            return [], []
        came = [user for user in dict.fromkeys(elsewhere) if self._see(user, now)]
        for user in self._here:
            self._see(user, now)
        went = [user for user, seen in self._seen.items() if now - seen >= OFFLINE_SECONDS]
        for user in went:
            del self._seen[user]
        return came, went

    def _see(self, user: str, now: float) -> bool:
        new = user not in self._seen
        self._seen[user] = now
        return new


class Presence:
    """Connects a hub with the hashes of all processes."""

    def __init__(self, redis: Sequence[Redis], hub: Hub, *, process: str, hosts: str = "") -> None:
        """`redis`: all hosts; `hosts` names them as this process spreads rooms over them: all processes must agree."""
        self.agreed = True
        """False while a live process spreads rooms over other hosts: then half of them miss each other's events."""
        self._redis: Sequence[Any] = redis
        self._hub = hub
        self._process = process
        self._hosts = hosts
        self._roster = Roster()
        self._changed: Callable[[str, bool], None] = hub.presence_changed
        self._task: asyncio.Task[None] | None = None
        hub.on_presence = self._moved
        hub.online = self._roster.__contains__

    def start(self) -> None:
        ONLINE.read = lambda: len(self._roster)
        self._task = asyncio.create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """Our users may be somewhere else in a moment: their hash goes, their 10 s run."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))
        try:
            async with asyncio.timeout(0.5):
                await asyncio.gather(
                    *(redis.delete(f"presence:{self._process}") for redis in self._redis), return_exceptions=True
                )
        except TimeoutError:
            log.debug("presence: Redis does not answer while stopping")

    def _moved(self, user: str, came: bool) -> None:
        now = time.monotonic()
        if not came:
            self._roster.leave(user, now)
        elif self._roster.arrive(user, now):
            self._changed(user, True)

    async def _run(self) -> None:
        while True:
            found = await asyncio.gather(*(self._ask(redis) for redis in self._redis))
            answered = [hashes for hashes in found if hashes is not None]
            elsewhere: set[str] | None = None
            if answered:
                users = [users for hashes in answered for users in hashes]
                self.agreed = all(each.get(HOSTS, self._hosts) == self._hosts for each in users)
                elsewhere = {user for each in users for user in each} - {HOSTS}
            came, went = self._roster.beat(elsewhere, time.monotonic())
            for user in came:
                self._changed(user, True)
            for user in went:
                self._changed(user, False)
            await asyncio.sleep(BEAT_SECONDS)

    async def _ask(self, redis: Any) -> list[dict[str, str]] | None:
        """What one host knows of the others; None when it does not answer."""
        try:
            async with asyncio.timeout(STEP_SECONDS):
                return await self._exchange(redis)
        except Exception as error:
            log.debug("presence: Redis does not answer: %r", error)
            return None

    async def _exchange(self, redis: Any) -> list[dict[str, str]]:
        """Write our users, read the others'."""
        key = f"presence:{self._process}"
        fields = dict.fromkeys(self._hub.here(), "1") | {HOSTS: self._hosts}
        async with redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            pipe.hset(key, mapping=fields)
            pipe.expire(key, TTL_SECONDS)
            pipe.sadd("presence", self._process)
            pipe.smembers("presence")
            *_, names = await pipe.execute()
        others = [_text(name) for name in names if _text(name) != self._process][:PROCESSES_MAX]
        async with redis.pipeline(transaction=False) as pipe:
            for name in others:
                pipe.hgetall(f"presence:{name}")
            hashes = await pipe.execute()
        gone = [name for name, users in zip(others, hashes, strict=True) if not users]
        if gone:
            await redis.srem("presence", *gone)
        return [{_text(user): _text(value) for user, value in found.items()} for found in hashes if found]


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
