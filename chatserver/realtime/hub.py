"""The heart of a process: brings what happens in a room to the sockets that joined it here, in order and once.

The hub is a shell. Where a room is and what follows from an event is decided by its `Replica`; what a slow socket gets
by its `Outbox`; what is missing is asked of the truth by the `Healer`. All of it runs on one event loop, and between
a decision and its delivery nothing awaits, so every socket of a room sees the same order.

Longer than 400 lines on purpose: that nothing awaits on the way from an event to the outboxes can only be seen where
all of the way stands together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

from chatserver.errors import ChatError, NotFound, Unavailable
from chatserver.metrics import Counter, Gauge
from chatserver.protocol.frames import (
    RESUME_ROOMS,
    AnswerDelta,
    AnswerStage,
    Close,
    GoneCode,
    LiveAnswer,
    MessageEvent,
    Ok,
    Presence,
    RoomAdded,
    RoomEntry,
    RoomGone,
    RoomPresence,
    RoomRead,
    RoomSummary,
    RoomTyping,
    RoomUpdated,
    RoomYou,
    User,
)
from chatserver.realtime import packets
from chatserver.realtime.bus import ALL, Bus
from chatserver.realtime.healer import Healer
from chatserver.realtime.packets import DOCUMENT, RoomEvent, UserEvent
from chatserver.realtime.ports import RoomPosition, RoomState, Truth
from chatserver.realtime.replica import Effects
from chatserver.realtime.rooms import Served, Shelves
from chatserver.realtime.socket import Socket
from chatserver.realtime.sweep import Sweep
from chatserver.realtime.users import Users
from chatserver.realtime.writers import Tail, Writers

__all__ = ["Hub", "RoomEvent", "UserEvent"]

log = logging.getLogger(__name__)

ANSWER_WAIT = 0.3
COUNTS_ONLY_ABOVE = 50
"""Members; in larger rooms presence is a count."""

DELTAS = Counter("chatserver_deltas_total", "Answer deltas taken in by this process.")
DELIVERED = Counter("chatserver_deltas_delivered_total", "Answer deltas put into the outboxes of sockets.")
JOINS = Counter("chatserver_joins_total", "Rooms joined by sockets.")
WANTS = Counter("chatserver_wants_total", "Texts of answers that were lacking and asked for.")
SOCKETS = Gauge("chatserver_sockets", "Sockets attached to this process.")
ROOMS = Gauge("chatserver_rooms", "Room replicas in this process.")
OUTBOXES = Gauge("chatserver_outbox_bytes", "Bytes that wait for the sockets of this process.")


class Hub:
    """One per process. Works without sockets too (a process that only writes answers)."""

    def __init__(self, truth: Truth, bus: Bus, *, process: str) -> None:
        self.process = process
        self.on_wake: Callable[[], None] = lambda: None
        """Called when there may be an answer to write."""
        self.on_presence: Callable[[str, bool], None] = lambda user, here: None
        """Called when a user's first socket came (True) or the last one left."""
        self.online: Callable[[str], bool] = self._is_here
        """Whether a user is connected, to any process; `realtime.presence` replaces it."""
        self.find_online: Callable[[Iterable[str]], Awaitable[None]] = _nobody_else
        """Called before a room is shown, with those whom `online` will be asked for."""
        self._truth = truth
        self._bus = bus
        self._rooms: dict[str, Served] = {}
        self._users = Users()
        self._writers = Writers(self._say_snapshot, self._say_tail)
        self._healer = Healer(truth, at=self._position, loaded=self._loaded, healed=self._healed)
        self._shelves = Shelves(self._rooms)
        self._sweep = Sweep(
            *(truth, self._rooms, self._users, self._healer),
            gone=self._gone,
            free=self._free,
            confirm=self._confirm,
            online=lambda user: self.online(user),
        )
        self._tails: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._sockets = 0
        bus.on_message = self._received
        bus.on_doubt = self._doubt

    async def start(self) -> None:
        """Begin; waits up to a second for Redis and goes on without it."""
        SOCKETS.read, ROOMS.read = (lambda: self._sockets), (lambda: len(self._rooms))
        OUTBOXES.read = lambda: sum(sock.outbox.unsent for sock in self._users.everyone())
        self._healer.start()
        await self._bus.start()
        await self._bus.ready(1.0)
        self._sweep.start()
        self._tick()

    async def stop(self) -> None:
        if self._tails:
            self._tails.cancel()
        await self._sweep.stop()
        await self._healer.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for served in self._rooms.values():
            served.close()
        await self._bus.stop()

    # --- sockets -----------------------------------------------------------------------------------------------------

    async def attach(self, sock: Socket) -> None:
        """From here on `sock` gets the events of its user."""
        self._sockets += 1
        if self._users.add(sock):
            self.on_presence(sock.user.id, True)

    async def detach(self, sock: Socket) -> None:
        """Forget `sock`; also when it was never attached."""
        for room in tuple(sock.rooms):
            self.leave(room, sock)
        here = sock in self._users.sockets(sock.user.id)
        self._sockets -= here
        if self._users.remove(sock):
            self.on_presence(sock.user.id, False)

    async def welcome(self, user: User) -> tuple[str, list[RoomEntry], bool]:
        """For `welcome`: the epoch, the user's latest rooms, and whether there are more. Raises `Unavailable`."""
        epoch = await self._truth.epoch()
        entries, more = await self._truth.entries(user.id, limit=RESUME_ROOMS)
        for entry in entries:
            self._users.watch(user.id, entry.room, entry.rev)
        return epoch, entries, more

    def drain(self, close: Close) -> None:
        """Say `bye` to every socket and close it."""
        for sock in self._users.everyone():
            sock.close(close)

    # --- rooms -------------------------------------------------------------------------------------------------------

    async def join(self, room: str, sock: Socket, rev: int | None, re: str | None) -> None:
        """Offer `ok` (when `re` is given) and `room.changes` after `rev`, and add `sock` to the room, at one moment.

        Raises `NotFound` when the room is not the user's, `Unavailable` when that cannot be known now.
        """
        served = await self._open(room)
        served.pins += 1
        try:
            await self._prepare(served, sock.user.id, rev)
            # From here on nothing awaits: what is offered is where the replica is when the socket is added.
            if sock.closing is not None:
                return
            if re is not None:
                sock.offer(packets.encode(Ok(re=re)))
            sock.outbox.forget_room(room)
            for out in served.replica.serve(rev, self._presence(served)):
                sock.offer(out.data)
            served.sockets.add(sock)
            sock.rooms.add(room)
            sock.gone.discard(room)
            JOINS.add()
        finally:
            served.pins -= 1
            served.used_at = time.monotonic()

    async def sync(self, room: str, sock: Socket, rev: int | None, re: str | None) -> None:
        """As `join`, which is idempotent."""
        await self.join(room, sock, rev, re)

    def leave(self, room: str, sock: Socket) -> None:
        """Nothing more of `room` goes to `sock`, but what is already queued."""
        sock.rooms.discard(room)
        sock.outbox.forget_room(room)
        if served := self._rooms.get(room):
            served.sockets.discard(sock)
            served.used_at = time.monotonic()

    # --- events ------------------------------------------------------------------------------------------------------

    def publish(self, room: str, event: RoomEvent) -> None:
        """After the commit: to the sockets here at once, and to the other processes. Never waits, never raises."""
        data = packets.encode(event)
        self._take(room, event, data)
        self._bus.offer(room, packets.kind(event), data, lossy=isinstance(event, AnswerDelta | RoomTyping))
        if isinstance(event, AnswerDelta):
            self._writers.wrote(event.message)

    def tell(self, user: str, event: UserEvent) -> None:
        """An event for all sockets of one user, on every process."""
        data = packets.encode(event)
        self._tell(user, event, data)
        self._bus.offer(ALL, f"tell:{user}", data)

    def wake_workers(self) -> None:
        """There may be an answer to write: tell the workers of every process."""
        self.on_wake()
        self._bus.offer(ALL, "wake", b"")

    # --- answers -----------------------------------------------------------------------------------------------------

    def write_answer(
        self, answer: str, room: str, attempt: int, snapshot: Callable[[], LiveAnswer], on_ended: Callable[[], None]
    ) -> None:
        """This process writes `attempt` of `answer`: `snapshot` is asked when somebody lacks its text, `on_ended` is
        called when somebody else ended or superseded it.
        """
        self._writers.begin(answer, room, attempt, snapshot, on_ended)
        self._spawn(self._bus.subscribe(room))  # to hear who wants it, and of its end

    def end_answer(self, answer: str, attempt: int) -> None:
        room = self._writers.end(answer, attempt)
        if room is not None and room not in self._rooms:
            self._bus.unsubscribe(room)

    async def live_text(self, room: str, answer: str) -> LiveAnswer | None:
        """The text so far of `answer`, or None when it is not being written. Asks its writer if it is not known here,
        and waits up to 300 ms for that. Raises `NotFound` and `Unavailable` like `join`.
        """
        if (own := self._writers.snapshot(answer)) is not None:
            return own
        served = await self._open(room)
        served.pins += 1
        try:
            live = served.replica.live.get(answer)
            if live is not None and not live.n:
                heard = served.hear(answer)
                self._want(room, answer)
                await asyncio.wait((heard,), timeout=ANSWER_WAIT)
            live = served.replica.live.get(answer)
            return live.snapshot() if live else None
        finally:
            served.pins -= 1
            served.used_at = time.monotonic()

    # --- presence ----------------------------------------------------------------------------------------------------

    def presence_changed(self, changed: Mapping[str, bool]) -> None:
        """Users came online (True) or went offline, wherever: tell the rooms they are a member of."""
        for served in tuple(self._rooms.values()):
            members = served.replica.members
            if members.keys().isdisjoint(changed):
                continue
            served.replica.forget_served()
            if len(members) > COUNTS_ONLY_ABOVE:
                served.count_due = True  # the sweep says it, so that a crowd that comes and goes costs little
            elif served.sockets:
                for user in members.keys() & changed.keys():
                    event = RoomPresence(room=served.room, user=user, online=changed[user])
                    self._broadcast_lossy(served, packets.encode(event))

    def here(self) -> Iterable[str]:
        """Users with a socket here."""
        return self._users.ids()

    def members(self) -> set[str]:
        """Members of the rooms that this process serves."""
        return set().union(*(served.replica.members for served in self._rooms.values()))

    def _is_here(self, user: str) -> bool:
        return user in self._users

    def _presence(self, served: Served) -> Presence:
        online = [user for user in served.replica.members if self.online(user)]
        crowd = len(served.replica.members) > COUNTS_ONLY_ABOVE
        return Presence(online=len(online), users=[] if crowd else online)

    # --- opening a room ----------------------------------------------------------------------------------------------

    async def _open(self, room: str) -> Served:
        """The room's entry, loaded; a first load is shared by all who wait for it."""
        served = self._rooms.get(room)
        if served is None:
            served = self._rooms[room] = Served(room)
            served.ready = asyncio.create_task(self._bring_up(served), name=f"hub: open {room}")
        if not served.replica.loaded and served.ready is not None:
            await asyncio.shield(served.ready)
        if not served.replica.loaded:
            raise Unavailable
        return served

    async def _bring_up(self, served: Served) -> None:
        try:
            served.doubt = not await self._bus.subscribe(served.room)
            await self._healer.load(served.room)
            await self.find_online(served.replica.members)
        except ChatError:
            self._free(served)
            raise
        finally:
            served.ready = None

    async def _prepare(self, served: Served, user: str, rev: int | None) -> None:
        """Read what is needed to serve a client at `rev`, and check that the room is theirs by the same data."""
        replica = served.replica
        if user not in replica.members:
            await self._healer.deepen(served.room, None)  # added a moment ago, on another process?
        if (position := replica.position_for(rev)) is not None:
            await self._healer.deepen(served.room, position)
        for _ in range(3):
            if not replica.needs_load(rev):
                break
            await self._healer.load(served.room)
            if replica.needs_load(rev):
                await self._healer.deepen(served.room, None)
        else:
            raise Unavailable
        if user not in replica.members:
            raise NotFound

    def _position(self, room: str) -> RoomPosition | None:
        served = self._rooms.get(room)
        if served is None or not served.replica.loaded:
            return None
        return RoomPosition(rev=served.replica.rev, meta_rev=served.replica.meta_rev)

    def _loaded(self, room: str, state: RoomState | None, asked_at: float) -> None:
        if served := self._rooms.get(room):
            if state is None:
                self._gone(served, "deleted")
                return
            self._carry_out(served, served.replica.load(state, asked_at, time.monotonic()))

    def _healed(self, room: str, state: RoomState | None, asked: RoomPosition, asked_at: float) -> None:
        if served := self._rooms.get(room):
            if state is None:
                self._gone(served, "deleted")
                return
            self._carry_out(served, served.replica.heal(state, asked, asked_at, time.monotonic()))

    def _free(self, served: Served) -> None:
        """Nobody here needs the room any more."""
        served.close()
        if self._rooms.get(served.room) is served:
            del self._rooms[served.room]
            if not self._writers.writes_in(served.room):
                self._bus.unsubscribe(served.room)

    def _gone(self, served: Served, code: GoneCode) -> None:
        for sock in tuple(served.sockets):
            self._say_gone(sock, served.room, code)
        self._free(served)

    def _say_gone(self, sock: Socket, room: str, code: GoneCode) -> None:
        self.leave(room, sock)
        if room not in sock.gone:
            sock.gone.add(room)
            sock.offer(packets.encode(RoomGone(room=room, code=code)))

    # --- taking in ---------------------------------------------------------------------------------------------------

    def _received(self, room: str, kind: str, data: bytes) -> None:
        """From another process. The same bytes go on to the sockets."""
        if kind == "wake":
            self.on_wake()
        elif kind == "want":
            self._writers.wanted(data.decode())
        elif kind == "snapshot":
            self._take_snapshot(room, packets.decode_snapshot(data))
        elif kind == "tail":
            if served := self._rooms.get(room):
                tail = packets.decode_tail(data)
                now = time.monotonic()
                self._carry_out(served, served.replica.position(tail.message, tail.attempt, tail.n, now))
        elif kind.startswith("tell:"):
            user = kind.removeprefix("tell:")
            if user in self._users:
                self._tell(user, packets.decode_told(data), data)
        elif kind.startswith(DOCUMENT):
            now = time.monotonic()
            for sock in self._users.sockets(kind.removeprefix(DOCUMENT)):
                sock.offer_lossy(data, now)
        elif (event := packets.decode_event(kind, data)) is not None:
            self._take(room, event, data)

    def _take(self, room: str, event: RoomEvent, data: bytes) -> None:
        served = self._rooms.get(room)
        now = time.monotonic()
        match event:
            case MessageEvent() | RoomUpdated():
                if isinstance(event, MessageEvent) and event.message.status != "pending":
                    self._writers.ended(event.message.id, event.message.attempt)
                if served:
                    self._carry_out(served, served.replica.change(event, data, now))
            case AnswerDelta() | AnswerStage():
                DELTAS.value += isinstance(event, AnswerDelta)
                self._writers.superseded(event.message, event.attempt)
                if served:
                    self._carry_out(served, served.replica.transient(event, data, now))
                    served.heard(event.message)
            case RoomTyping():
                if served:
                    self._broadcast_lossy(served, data, but=event.user)
            case RoomRead():
                if served:
                    served.replica.read(event.user, event.seq)
                    for sock in tuple(served.sockets):
                        sock.offer(data)

    def _take_snapshot(self, room: str, answer: LiveAnswer) -> None:
        self._writers.superseded(answer.message, answer.attempt)
        if served := self._rooms.get(room):
            self._carry_out(served, served.replica.snapshot(answer, time.monotonic()))
            served.heard(answer.message)

    def _carry_out(self, served: Served, effects: Effects) -> None:
        """Deliver what a replica decided. Not async on purpose: one stalled phone must not delay the room."""
        members_changed = False
        now = time.monotonic()
        for out in effects.send:
            if isinstance(out.event, AnswerDelta):
                DELIVERED.value += len(served.sockets)
                for sock in tuple(served.sockets):
                    sock.offer_delta(out.event, out.data, now)
                continue
            if not isinstance(out.event, MessageEvent | AnswerStage):
                members_changed = True
            for sock in tuple(served.sockets):
                for answer, attempt in out.over:
                    sock.outbox.forget(answer, attempt)
                sock.offer(out.data)
        for answer, attempt in effects.ended:
            self._writers.ended(answer, attempt)
            served.heard(answer)
        if members_changed:
            members = served.replica.members
            for sock in [sock for sock in served.sockets if sock.user.id not in members]:
                self._users.unwatch(sock.user.id, served.room)
                self._say_gone(sock, served.room, "removed")
        for answer in effects.want:
            self._want(served.room, answer)
        if served.replica.stale:
            self._healer.heal(served.room, "stale", load=True)
        elif served.replica.loaded:
            served.heal_when(served.replica.heal_at, now, lambda: self._healer.heal(served.room, "gap"))
        self._shelves.grew(served)

    def _tell(self, user: str, event: UserEvent, data: bytes) -> None:
        match event:
            case RoomAdded(room=entry):
                self._users.watch(user, entry.room, entry.rev)
                for sock in self._users.sockets(user):
                    sock.gone.discard(entry.room)
                    sock.offer(data)
            case RoomGone(room=room, code=code):
                self._users.unwatch(user, room)
                for sock in self._users.sockets(user):
                    self._say_gone(sock, room, code)
            case RoomSummary(room=room):
                for sock in self._users.sockets(user):
                    if room not in sock.rooms:
                        sock.offer(data)
            case RoomYou():
                for sock in self._users.sockets(user):
                    sock.offer(data)

    def _broadcast_lossy(self, served: Served, data: bytes, but: str | None = None) -> None:
        now = time.monotonic()
        for sock in tuple(served.sockets):
            if sock.user.id != but:
                sock.offer_lossy(data, now)

    # --- what is lacking ---------------------------------------------------------------------------------------------

    def _want(self, room: str, answer: str) -> None:
        WANTS.add()
        if answer in self._writers:
            self._writers.wanted(answer)
        else:
            self._bus.offer(room, "want", answer.encode())

    def _say_snapshot(self, room: str, answer: LiveAnswer) -> None:
        self._take_snapshot(room, answer)
        self._bus.offer(room, "snapshot", packets.encode(answer))

    def _say_tail(self, room: str, tail: Tail) -> None:
        self._bus.offer(room, "tail", packets.encode(tail), lossy=True)

    def _tick(self) -> None:
        self._writers.tails(time.monotonic())
        self._tails = asyncio.get_running_loop().call_later(0.25, self._tick)

    def _doubt(self) -> None:
        """The bus may have missed something: compare with the truth now, and ask for texts written elsewhere."""
        self._sweep.now()
        for served in self._rooms.values():
            for answer in served.replica.live:
                if answer not in self._writers:
                    self._want(served.room, answer)

    async def _confirm(self, served: Served) -> None:
        """Try again to prove the subscription; then what came before it is read from the truth."""
        if served.doubt and await self._bus.subscribe(served.room) and self._rooms.get(served.room) is served:
            served.doubt = False
            self._healer.heal(served.room, "subscription")
            for answer in served.replica.live:
                self._want(served.room, answer)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _nobody_else(users: Iterable[str]) -> None:
    """Without presence only who is here is online."""
