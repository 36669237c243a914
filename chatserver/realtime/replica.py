"""A room as one process knows it: positions, recent messages, members, and the answers being written. Pure.

Every method that takes something in returns `Effects`: what the room's sockets are to be sent, in order. A socket that
joined is always exactly where the replica is (its outbox aside), so one broadcast is right for all of them. What is
missing is named, not waited for: `heal_at` says when the truth must be asked, `Effects.want` which texts are lacking.

Rules and their reasons: docs/architecture.md, "The replica". Longer than 400 lines because the rules lean on one
another: each is only right while the others hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import UNSET

from chatserver.protocol.frames import (
    CHANGES_MAX,
    AnswerDelta,
    AnswerStage,
    LiveAnswer,
    Member,
    Message,
    MessageEvent,
    Presence,
    RoomMeta,
    RoomUpdated,
)
from chatserver.realtime.live import Fit, Live, as_events
from chatserver.realtime.ports import RoomPosition, RoomState
from chatserver.realtime.shelf import Shelf
from chatserver.realtime.snapshot import Content, Out, changes_for, encode, reset_for

__all__ = ["Effects", "Out", "Replica"]

WAIT_SECONDS = 0.05
"""How long a gap may close by itself: two processes publish 6 before 5."""
BUFFER_MAX = 64
HELD_MAX = 256
ENDED_MAX = 512
WANT_SECONDS = 0.2

type Change = MessageEvent | RoomUpdated
type Transient = AnswerDelta | AnswerStage


@dataclass(slots=True)
class Effects:
    """What follows from something that was taken in."""

    send: list[Out] = field(default_factory=list)
    want: list[str] = field(default_factory=list)
    """Answers whose text is lacking: ask their writers for a snapshot."""
    ended: list[tuple[str, int]] = field(default_factory=list)
    """(answer, attempt) that are over."""


@dataclass(slots=True)
class _Held:
    event: Transient
    data: bytes
    since: float


class Replica:
    """One room. `loaded` is False until the first `load`; what arrives before is kept and replayed."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.loaded = False
        self.epoch = ""
        self.rev = 0
        self.meta_rev = 0
        self.base = 0
        """Revs up to it are gone for good (retention)."""
        self.meta: RoomMeta | None = None
        self.members: dict[str, Member] = {}
        self.live: dict[str, Live] = {}
        self.heal_at: float | None = None
        self.stale = False
        """The position does not fit the truth any more: the next `load` is a reset."""
        self.shelf = Shelf()
        self._ended: dict[str, int] = {}
        self._buffer: dict[int, tuple[Change, bytes]] = {}
        self._held: list[_Held] = []
        self._wanted: dict[str, float] = {}
        self._cache: dict[int | None, list[Out]] = {}

    # --- what happens --------------------------------------------------------------------------------------------

    def change(self, event: Change, data: bytes, now: float) -> Effects:
        """A committed change of the room; `data` is its encoding."""
        effects = Effects()
        if event.rev <= self.rev and self.loaded:
            return effects
        if not self.loaded or event.rev > self.rev + 1:
            if len(self._buffer) < BUFFER_MAX:
                self._buffer[event.rev] = (event, data)
                self._heal_within(WAIT_SECONDS, now)
            else:
                self.heal_at = now
            return effects
        self._apply(event, data, effects)
        self._replay(effects, now)
        return effects

    def transient(self, event: Transient, data: bytes, now: float) -> Effects:
        """A delta or a stage of an answer; `data` is its encoding."""
        effects = Effects()
        self._transient(event, data, now, effects)
        return effects

    def snapshot(self, answer: LiveAnswer, now: float) -> Effects:
        """What the writer of an answer says when it is asked: the text so far, its stage and its sources."""
        stage, delta = as_events(self.room, answer)
        effects = Effects()
        live = self.live.get(answer.message)
        if live is None or live.attempt < answer.attempt or (live.stage, live.sources) != (stage.stage, answer.sources):
            self._transient(stage, encode(stage), now, effects)
        if delta:
            self._transient(delta, encode(delta), now, effects)
        return effects

    def position(self, answer: str, attempt: int, n: int, now: float) -> Effects:
        """A writer that fell silent says how far it is: the last deltas may have been lost."""
        effects = Effects()
        live = self.live.get(answer)
        if live is not None and (attempt, n) > (live.attempt, live.n):
            self._want(answer, now, effects)
        return effects

    def read(self, user: str, seq: int) -> None:
        member = self.members.get(user)
        if member is not None and seq > member.read:
            member.read = seq
            self._cache.clear()

    # --- the truth -------------------------------------------------------------------------------------------------

    def load(self, state: RoomState, asked_at: float, now: float) -> Effects:
        """Become `state` (sockets here get a reset); when what we have still fits, only fill the shelf."""
        effects = Effects()
        if self.loaded and not self.stale and state.epoch == self.epoch:
            self._widen(state, now)
            return effects
        known, before = self.live, self.epoch
        again = self.loaded
        self.stale = False
        self.loaded, self.epoch, self.rev, self.base = True, state.epoch, state.rev, state.floor
        self._cache.clear()
        self.shelf = Shelf()
        self.shelf.load(state)
        self.live = {}
        if before and before != state.epoch:
            self._ended.clear()
        self._take_meta(state)
        for pending in state.pending:
            live = known.get(pending.message) if before == state.epoch else None
            if live is None or live.attempt < pending.attempt:
                live = Live(pending.message, pending.attempt)
            live.rev = state.rev
            self._ended.pop(pending.message, None)
            self.live[pending.message] = live
            if not live.n:
                self._want(pending.message, now, effects)
        effects.ended += [(answer, self._ended_attempt(answer)) for answer in known if answer not in self.live]
        if again:
            effects.send += self._reset(None)
        self._settle(now, effects, asked_at=asked_at)
        return effects

    def heal(self, state: RoomState, asked: RoomPosition, asked_at: float, now: float) -> Effects:
        """Merge what the truth said to `asked`, a position at or below ours; events may have come meanwhile."""
        effects = Effects()
        rows = state.messages
        overflow = len(rows) > CHANGES_MAX
        if state.epoch != self.epoch or state.rev < asked.rev or state.floor > self.rev:
            self.stale = True
            return effects
        if overflow and asked.rev < self.rev:
            self.shelf.too_deep(asked.rev)  # it was asked for more than one client may be sent; try the gap alone
            if state.rev > self.rev:
                self.heal_at = now
            return effects
        if overflow:
            self.stale = True
            return effects
        self._cache.clear()
        self.base = state.floor
        news = [message for message in rows if message.rev > self.rev]
        since = self.rev
        meta_changed = state.meta is not None and state.meta_rev > self.meta_rev
        complete = state.rev >= self.shelf.floor  # else rows were evicted meanwhile that are newer than these
        if complete:
            self.shelf.reach(asked.rev)
        for message in rows if complete else news:
            self._store(message, effects)
        self.rev = max(self.rev, state.rev)
        if state.meta is not None and state.meta_rev >= self.meta_rev:
            self._take_meta(state)
        raised = self._merge_pending(state, now, effects)
        if self.rev > since or meta_changed:
            effects.send += changes_for(
                self._content([message.id for message in news], raised), since, None, whole=True
            )
        self._settle(now, effects, asked_at=asked_at)
        return effects

    def _widen(self, state: RoomState, now: float) -> None:
        """Put the latest messages back that were evicted. What is newer than our position must be healed first."""
        if state.rev > self.rev:
            self.heal_at = now
        elif state.rev >= self.shelf.floor:
            self.shelf.widen(state)
            self._cache.clear()

    def _merge_pending(self, state: RoomState, now: float, effects: Effects) -> list[str]:
        raised: list[str] = []
        pending = {item.message: item.attempt for item in state.pending}
        for answer in [answer for answer, live in self.live.items() if live.rev <= state.rev and answer not in pending]:
            # It is over in the truth; its last message, if it is newer than we knew, was among the rows. A later
            # attempt than that began after the truth was asked.
            if not 0 < self._ended_attempt(answer) < self.live[answer].attempt:
                self._end(answer, self.live.pop(answer).attempt, effects)
        for answer, attempt in pending.items():
            if self._ended.get(answer, 0) >= attempt:
                continue
            live = self.live.get(answer)
            if live is None:
                live = self.live[answer] = Live(answer, attempt, state.rev)
                raised.append(answer)
            elif live.raise_to(attempt):
                raised.append(answer)
            if not live.n:
                self._want(answer, now, effects)
        return raised

    # --- serving a socket --------------------------------------------------------------------------------------------

    def position_for(self, rev: int | None) -> RoomPosition | None:
        """What to ask the truth before a client at `rev` can be served; None: it can be served from here."""
        if rev is None or rev > self.rev or rev < self.base or self.shelf.floor <= rev or self.shelf.deep(rev):
            return None
        # One message holds one rev: the last CHANGES_MAX revs are never more rows than that.
        return RoomPosition(rev=min(rev, max(self.base, self.rev - CHANGES_MAX)), meta_rev=self.meta_rev)

    def needs_load(self, rev: int | None) -> bool:
        """Whether a client at `rev` gets a reset for which too little is held here."""
        return self.resets(rev) and not self.shelf.window_ready()

    def resets(self, rev: int | None) -> bool:
        if rev is None or rev > self.rev or rev < self.base or self.shelf.floor > rev:
            return True
        return self.shelf.count_since(rev) > CHANGES_MAX

    def serve(self, rev: int | None, presence: Presence | None) -> list[Out]:
        """What brings a client at `rev` to where we are: one `room.changes`, and texts that do not fit into it."""
        key = None if self.resets(rev) else rev
        found = self._cache.get(key)
        if found is None:
            if key is None:
                found = self._reset(presence)
            else:
                found = changes_for(self._content(self.shelf.since(key), list(self.live)), key, presence)
            self._cache[key] = found
        return found

    def forget_served(self) -> None:
        """Presence changed: what was encoded for the last client is not right for the next."""
        self._cache.clear()

    def _reset(self, presence: Presence | None) -> list[Out]:
        return reset_for(self._content(self.shelf.window(), list(self.live)), presence)

    def _content(self, messages: Iterable[str], answers: Iterable[str]) -> Content:
        return Content(
            room=self.room,
            rev=self.rev,
            meta_rev=self.meta_rev,
            meta=self.meta,
            members=list(self.members.values()),
            messages=[self.shelf.rows[message] for message in messages],
            answers=[self.live[answer].snapshot() for answer in answers if answer in self.live],
        )

    # --- memory ------------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self.shelf.size + sum(2 * live.size for live in self.live.values()) + 160 * len(self.members)

    def trim(self) -> None:
        """Keep the room within its share of memory."""
        self.shelf.trim()

    def cool(self) -> None:
        """Keep only positions and live text; messages are read from the truth when they are needed."""
        self.shelf.clear(self.rev)
        self._cache.clear()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _heal_within(self, seconds: float, now: float) -> None:
        due = now + seconds
        self.heal_at = due if self.heal_at is None else min(self.heal_at, due)

    def _apply(self, event: Change, data: bytes, effects: Effects) -> None:
        self._cache.clear()
        self.rev = event.rev
        match event:
            case MessageEvent(message=message):
                over = self._store(message, effects)
                effects.send.append(Out(event, data, over))
            case RoomUpdated(meta=meta):
                self.meta, self.meta_rev = meta, event.rev
                for member in event.members or ():
                    self.members[member.id] = member
                for user in event.removed or ():
                    self.members.pop(user, None)
                effects.send.append(Out(event, data))

    def _store(self, message: Message, effects: Effects) -> tuple[tuple[str, int], ...]:
        """Keep the latest form; returns whose pending deltas are now void, as in `Out.over`."""
        live = self.live.get(message.id)
        if self.shelf.has(message.id, message.rev) or (live is not None and message.rev < live.rev):
            return ()
        self.shelf.put(message)
        if message.status == "pending":
            attempt = max(message.attempt, self._ended.get(message.id, 0) + 1)
            if live is None or live.raise_to(attempt):
                self.live[message.id] = live or Live(message.id, attempt)
                self.live[message.id].rev = message.rev
                return ((message.id, attempt - 1),)
            live.rev = message.rev
            return ()
        if live is None and message.author.kind != "assistant":
            return ()
        if live is not None and live.attempt <= message.attempt:  # else its retry comes later than its first deltas
            del self.live[message.id]
        self._end(message.id, message.attempt, effects)
        return ((message.id, message.attempt),)

    def _ended_attempt(self, answer: str) -> int:
        """The latest attempt that is known to be over; 0: none."""
        return max(self._ended.get(answer, 0), self.shelf.ended(answer))

    def _end(self, answer: str, attempt: int, effects: Effects) -> None:
        self._ended[answer] = max(attempt, self._ended.pop(answer, 0))
        self._wanted.pop(answer, None)
        effects.ended.append((answer, attempt))
        if len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def _replay(self, effects: Effects, now: float) -> None:
        """Apply what was buffered and now follows; what waits for something later keeps its time."""
        while (item := self._buffer.pop(self.rev + 1, None)) is not None:
            self._apply(*item, effects)
        for rev in [rev for rev in self._buffer if rev <= self.rev]:
            del self._buffer[rev]
        held, self._held = self._held, []
        for item_held in held:
            self._transient(item_held.event, item_held.data, now, effects, since=item_held.since)
        if not self._buffer and not self._held:
            self.heal_at = None

    def _settle(self, now: float, effects: Effects, *, asked_at: float) -> None:
        """After the truth was read: replay what waited, and give up on deltas it does not know."""
        self.heal_at = None
        for held in [held for held in self._held if held.since < asked_at and held.event.message not in self.live]:
            # Its claim was committed before it was published, so before we asked: the attempt is over.
            self._end(held.event.message, held.event.attempt, effects)
            self._held.remove(held)
        self._replay(effects, now)
        if self._buffer or self._held:
            self._heal_within(WAIT_SECONDS, now)

    def _transient(
        self, event: Transient, data: bytes, now: float, effects: Effects, since: float | None = None
    ) -> None:
        if self._ended_attempt(event.message) >= event.attempt:
            return
        live = self.live.get(event.message)
        if live is None:
            if len(self._held) < HELD_MAX:
                self._held.append(_Held(event, data, now if since is None else since))
            self._heal_within(WAIT_SECONDS, now)
            return
        if event.attempt < live.attempt:
            return
        raised = live.raise_to(event.attempt)
        over = ((event.message, event.attempt - 1),) if raised else ()
        if isinstance(event, AnswerStage):
            self._cache.clear()
            live.stage = event.stage
            if event.sources is not UNSET:
                live.sources = event.sources
            effects.send.append(Out(event, data, over))
            return
        if live.fit(event) is Fit.GAP:
            self._want(event.message, now, effects)
            return
        lacking = live.add(event)
        if lacking is not None:
            self._cache.clear()
            effects.send.append(Out(lacking, data if lacking is event else encode(lacking), over))

    def _want(self, answer: str, now: float, effects: Effects) -> None:
        if now - self._wanted.get(answer, float("-inf")) >= WANT_SECONDS:
            self._wanted[answer] = now
            effects.want.append(answer)

    def _take_meta(self, state: RoomState) -> None:
        self.meta_rev = state.meta_rev
        if state.meta is not None:
            self.meta = state.meta
        if state.members is not None:
            reads = {user: member.read for user, member in self.members.items()}
            self.members = {member.id: member for member in state.members}
            for user, seq in reads.items():
                self.read(user, seq)
