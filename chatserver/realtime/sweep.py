"""Every two seconds one comparison of all rooms with the truth: whatever was lost on the way is found here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from chatserver.errors import Unavailable
from chatserver.metrics import Counter, Histogram
from chatserver.protocol.frames import UNAUTHENTICATED, GoneCode, RoomPresence
from chatserver.realtime import packets
from chatserver.realtime.healer import Healer
from chatserver.realtime.ports import Head, Truth
from chatserver.realtime.rooms import Served
from chatserver.realtime.users import Users

__all__ = ["Sweep"]

log = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
IDLE_SECONDS = 30.0
HEADS = 5000
SUMMARIES = 500
CONFIRMS = 100
BARRED_SECONDS = 10.0
"""So long somebody who was deactivated or erased may keep a socket."""

SECONDS = Histogram("chatserver_sweep_seconds", "Duration of one comparison of all rooms with PostgreSQL.")
FOUND = Counter("chatserver_sweep_found_total", "Rooms in which the comparison found something that was missed.")


class Sweep:
    def __init__(
        self,
        truth: Truth,
        rooms: Mapping[str, Served],
        users: Users,
        healer: Healer,
        gone: Callable[[Served, GoneCode], None],
        free: Callable[[Served], None],
        confirm: Callable[[Served], Awaitable[None]],
        online: Callable[[str], bool],
    ) -> None:
        self._truth = truth
        self._rooms = rooms
        self._users = users
        self._healer = healer
        self._gone = gone
        self._free = free
        self._confirm = confirm
        self._online = online
        self._epoch = ""
        self._barred_at = 0.0
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="hub: sweep")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def now(self) -> None:
        """Sweep at once: something may have been missed."""
        self._soon.set()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SWEEP_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                pass
            self._soon.clear()
            try:
                await self.once()
            except Unavailable:
                log.warning("hub: PostgreSQL is away; sockets stay open")
            except Exception:
                log.exception("hub: the sweep failed")

    async def once(self) -> None:
        """One sweep. Raises `Unavailable`."""
        now = time.monotonic()
        self._tidy(now)
        await self._confirm_doubtful()
        await self._compare_epoch()
        await self._compare_rooms()
        await self._tell_watchers()
        await self._part_with_barred(now)
        SECONDS.observe(time.monotonic() - now)

    def _tidy(self, now: float) -> None:
        for sock in self._users.everyone():
            sock.check(now)
        for served in tuple(self._rooms.values()):
            served.replica.trim()
            if served.sockets:
                served.used_at = now
                self._say_count(served, now)
            elif not served.pins and served.ready is None and now - served.used_at > IDLE_SECONDS:
                self._free(served)

    def _say_count(self, served: Served, now: float) -> None:
        if served.count_due:
            served.count_due = False
            online = sum(self._online(user) for user in served.replica.members)
            data = packets.encode(RoomPresence(room=served.room, count=online))
            for sock in tuple(served.sockets):
                sock.offer_lossy(data, now)

    async def _confirm_doubtful(self) -> None:
        doubtful = [served for served in self._rooms.values() if served.doubt and served.ready is None]
        if doubtful:
            await asyncio.gather(*(self._confirm(served) for served in doubtful[:CONFIRMS]))

    async def _compare_epoch(self) -> None:
        epoch = await self._truth.epoch()
        if self._epoch not in ("", epoch):
            log.warning(
                "hub: the database is another one (epoch %s, was %s); all rooms are read anew", epoch, self._epoch
            )
            for served in self._rooms.values():
                served.replica.stale = served.replica.loaded
                self._healer.heal(served.room, "epoch", load=True)
        self._epoch = epoch

    async def _compare_rooms(self) -> None:
        rooms = [served.room for served in self._rooms.values() if served.replica.loaded]
        for start in range(0, len(rooms), HEADS):
            part = rooms[start : start + HEADS]
            asked = {room: self._rooms[room].replica.rev for room in part if room in self._rooms}
            heads = await self._truth.heads(list(asked))
            for room, rev in asked.items():
                if served := self._rooms.get(room):
                    self._compare(served, heads.get(room), rev)

    def _compare(self, served: Served, head: Head | None, asked: int) -> None:
        replica = served.replica
        if head is None:
            self._gone(served, "deleted")
        elif head.rev < asked:  # the truth went back: a restore, or a replica promoted with loss
            replica.stale = True
            self._healer.heal(served.room, "truth", load=True)
        elif head.rev > replica.rev or head.meta_rev > replica.meta_rev:
            FOUND.add()
            self._healer.heal(served.room, "sweep")

    async def _part_with_barred(self, now: float) -> None:
        if now - self._barred_at < BARRED_SECONDS:
            return
        users = list(self._users.ids())
        for start in range(0, len(users), HEADS):
            for user in await self._truth.barred(users[start : start + HEADS]):
                for sock in self._users.sockets(user):
                    sock.close(UNAUTHENTICATED)
        self._barred_at = now

    async def _tell_watchers(self) -> None:
        """`room.summary` for what happened in rooms that a user has not joined."""
        watched = list(self._users.heads)
        for start in range(0, len(watched), HEADS):
            heads = await self._truth.heads(watched[start : start + HEADS])
            changed = {
                room: head.rev for room, head in heads.items() if head.rev > self._users.heads.get(room, head.rev)
            }
            pairs = [(user, room) for room in changed for user in self._users.watchers(room)]
            for first in range(0, len(pairs), SUMMARIES):
                for user, summary in await self._truth.summaries(pairs[first : first + SUMMARIES]):
                    data = packets.encode(summary)
                    for sock in self._users.sockets(user):
                        if summary.room not in sock.rooms:
                            sock.offer(data)
            for room, rev in changed.items():
                if room in self._users.heads:
                    self._users.heads[room] = rev
