"""Who is connected, to any process: each process writes its users into Redis, and asks for those whom its rooms have.

A sorted set holds for each user when a process last had them, in the time of that Redis. Each process rewrites its own
every 5 s, so nobody has to say goodbye: who was not written for 15 s, and so not had for 10 s, is offline; whoever
reloads a page never left. What a process asks for grows with its own rooms, not with everybody there is. Of several
Redis hosts each has all users, so that one that answers is enough.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from chatserver.metrics import Gauge

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from chatserver.realtime.hub import Hub

__all__ = ["Presence", "Roster"]

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
OFFLINE_SECONDS = 15.0
GATHER_SECONDS = 0.1
"""Who arrives within this time is written and told of together: a crowd reconnects at once."""
STEP_SECONDS = 2.0
FIND_SECONDS = 0.25
USERS_AT_ONCE = 500
"""In one command, so that neither this process nor Redis is held up by it."""
USERS = "online"
HOSTS = "online:hosts"

ONLINE = Gauge("chatserver_users_online", "Users online, on all processes.")


class Roster:
    """Who is online, and when they were last had by a process. Times are monotonic seconds. Pure."""

    def __init__(self) -> None:
        self._here: set[str] = set()
        self._seen: dict[str, float] = {}

    def __contains__(self, user: object) -> bool:
        return user in self._seen

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def arrive(self, user: str, now: float) -> bool:
        """A first socket here; returns whether the user came online by it."""
        self._here.add(user)
        return self._see(user, now)

    def leave(self, user: str, now: float) -> None:
        self._here.discard(user)
        self._seen[user] = now - BEAT_SECONDS  # as others see it, who know of the last beat only

    def find(self, elsewhere: Mapping[str, float], now: float) -> list[str]:
        """`elsewhere`: for each user the seconds since a process wrote that it has them. Returns who came online."""
        return [user for user, age in elsewhere.items() if age < OFFLINE_SECONDS and self._see(user, now - age)]

    def beat(self, elsewhere: Mapping[str, float] | None, now: float) -> tuple[list[str], list[str]]:
        """As `find` (None: nobody could be asked). Returns who came online and who went."""
        if elsewhere is None:
            # Redis is away: whoever was online elsewhere stays so, rather than everybody leaving at once.
            self._seen = dict.fromkeys(self._seen, now)
            return [], []
        for user in self._here:
            self._see(user, now)
        came = self.find(elsewhere, now)
        went = [user for user, seen in self._seen.items() if now - seen >= OFFLINE_SECONDS]
        for user in went:
            del self._seen[user]
        return came, went

    def _see(self, user: str, at: float) -> bool:
        before = self._seen.get(user)
        self._seen[user] = at if before is None else max(before, at)
        return before is None


@dataclass(frozen=True)
class _Said:
    """What one host said at a beat."""

    elsewhere: dict[str, float]
    hosts: set[str]
    online: int


class Presence:
    """Connects a hub with what all processes wrote."""

    def __init__(self, redis: Sequence[Redis], hub: Hub, *, hosts: str = "") -> None:
        """`redis`: all hosts; `hosts` names them as this process spreads rooms over them: all processes must agree."""
        self.agreed = True
        """False while a live process spreads rooms over other hosts: then half of them miss each other's events."""
        self._redis: Sequence[Any] = redis
        self._hub = hub
        self._hosts = hosts
        self._roster = Roster()
        self._arrived: set[str] = set()
        self._changed: dict[str, bool] = {}
        self._soon = asyncio.Event()
        self._answering = self._redis
        self._online = 0
        self._task: asyncio.Task[None] | None = None
        hub.on_presence = self._moved
        hub.online = self._roster.__contains__
        hub.find_online = self.find

    def start(self) -> None:
        ONLINE.read = lambda: max(self._online, len(self._roster))
        self._task = asyncio.create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """Our users may be somewhere else in a moment: what was written of them runs out by itself."""
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def find(self, users: Iterable[str]) -> None:
        """Learn who of `users` is online, before a room of theirs is shown. Does not wait for a Redis that is away."""
        unknown = [user for user in users if user not in self._roster]
        if unknown:
            for _, elsewhere in await _ask(self._answering, lambda redis: self._find(redis, unknown), FIND_SECONDS):
                self._note(dict.fromkeys(self._roster.find(elsewhere, time.monotonic()), True))

    def _moved(self, user: str, came: bool) -> None:
        now = time.monotonic()
        if not came:
            self._arrived.discard(user)
            self._roster.leave(user, now)
        else:
            self._arrived.add(user)
            if self._roster.arrive(user, now):
                self._note({user: True})
            self._soon.set()

    def _note(self, changed: Mapping[str, bool]) -> None:
        if changed:
            self._changed |= changed
            self._soon.set()

    async def _run(self) -> None:
        due = 0.0
        while True:
            try:
                if (now := time.monotonic()) >= due:
                    due = now + BEAT_SECONDS
                    await self._beat()
                elif self._arrived:
                    await self._write_arrived()
            except Exception:
                log.exception("presence: who is online could not be told or learned")
            changed, self._changed = self._changed, {}
            if changed:
                self._hub.presence_changed(changed)
            try:
                async with asyncio.timeout(max(0.0, due - time.monotonic())):
                    await self._soon.wait()
                    await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass
            self._soon.clear()

    async def _write_arrived(self) -> None:
        arrived, self._arrived = self._arrived, set()
        await _ask(self._answering, lambda redis: self._write(redis, arrived), STEP_SECONDS)

    async def _beat(self) -> None:
        self._arrived = set()
        here = set(self._hub.here())
        wanted = self._hub.members().union(self._roster) - here
        answers = await _ask(self._redis, lambda redis: self._exchange(redis, here, wanted), STEP_SECONDS)
        self._answering = [redis for redis, _ in answers]
        elsewhere: dict[str, float] | None = None
        if answers:
            self.agreed = all(said.hosts <= {self._hosts} for _, said in answers)
            self._online = max(said.online for _, said in answers)
            elsewhere = {}
            for _, said in answers:
                for user, age in said.elsewhere.items():
                    elsewhere[user] = min(age, elsewhere.get(user, age))
        came, went = self._roster.beat(elsewhere, time.monotonic())
        self._note(dict.fromkeys(came, True) | dict.fromkeys(went, False))

    async def _exchange(self, redis: Any, here: set[str], wanted: set[str]) -> _Said:
        """Write our users, read of the others those `wanted`."""
        now = await self._write(redis, here)
        async with redis.pipeline(transaction=False) as pipe:
            for key in (USERS, HOSTS):
                pipe.zremrangebyscore(key, "-inf", now - OFFLINE_SECONDS)
            pipe.zadd(HOSTS, {self._hosts: now})
            pipe.zrange(HOSTS, 0, 9)
            pipe.zcard(USERS)
            *_, hosts, online = await pipe.execute()
        return _Said(await self._find(redis, wanted), {_text(name) for name in hosts}, online)

    async def _write(self, redis: Any, users: Iterable[str]) -> float:
        now = await _time(redis)
        for part in batched(users, USERS_AT_ONCE, strict=False):
            await redis.zadd(USERS, dict.fromkeys(part, now))
        return now

    async def _find(self, redis: Any, users: Iterable[str]) -> dict[str, float]:
        """For each of `users` that a process has or had a moment ago: the seconds since it wrote so."""
        now = await _time(redis)
        found: dict[str, float] = {}
        for part in batched(users, USERS_AT_ONCE, strict=False):
            times = await redis.zmscore(USERS, list(part))
            found |= {user: now - at for user, at in zip(part, times, strict=True) if at is not None}
        return found


async def _ask[T](hosts: Sequence[Any], ask: Callable[[Any], Awaitable[T]], seconds: float) -> list[tuple[Any, T]]:
    """Those of the hosts that answer in time, and what they say."""

    async def one(redis: Any) -> tuple[Any, T] | None:
        try:
            async with asyncio.timeout(seconds):
                return redis, await ask(redis)
        except (RedisError, OSError) as error:
            log.debug("presence: Redis does not answer: %r", error)
            return None

    return [answer for answer in await asyncio.gather(*map(one, hosts)) if answer is not None]


async def _time(redis: Any) -> float:
    """The host's own clock: those of the processes may differ."""
    seconds, microseconds = await redis.time()
    return float(seconds + microseconds / 1e6)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
