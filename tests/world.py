"""A truth in memory, for tests of what stands above it: rooms whose every change has a rev, and live answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chatserver.errors import Unavailable
from chatserver.protocol.frames import (
    CHANGES_MAX,
    SNAPSHOT_MESSAGES,
    AnswerDelta,
    LiveAnswer,
    Member,
    Message,
    MessageEvent,
    RoomEntry,
    RoomMeta,
    RoomSummary,
    RoomUpdated,
    Status,
    User,
)
from chatserver.realtime.ports import Head, Pending, RoomPosition, RoomState

ASSISTANT = User(id="assistant", name="Assistant", kind="assistant")


def user(name: str) -> User:
    return User(id=name, name=name, kind="user")


@dataclass
class Job:
    attempt: int = 1
    n: int = 0
    text: str = ""
    live: bool = True


@dataclass
class Room:
    name: str
    rev: int = 0
    meta_rev: int = 0
    floor: int = 0
    meta: RoomMeta = field(default_factory=lambda: RoomMeta(title="Room", kind="group", policy="always"))
    members: dict[str, Member] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    def _next(self) -> int:
        self.rev += 1
        return self.rev

    def add_member(self, name: str) -> RoomUpdated:
        self.members[name] = Member(id=name, name=name, kind="user", role="member")
        return self.update(members=[self.members[name]])

    def remove_member(self, name: str) -> RoomUpdated:
        del self.members[name]
        return self.update(removed=[name])

    def update(self, **changes: list[Member] | list[str]) -> RoomUpdated:
        self.meta_rev = self._next()
        self.meta = RoomMeta(title=f"Room {self.rev}", kind="group", policy="always", members=len(self.members))
        return RoomUpdated(room=self.name, rev=self.rev, meta=self.meta, **copy.deepcopy(changes))

    def say(self, author: User, text: str, status: Status = "complete") -> MessageEvent:
        rev = self._next()
        message = Message(
            id=f"{self.name}-{rev}", seq=rev, rev=rev, author=author, text=text, status=status, created="2026-01-01"
        )
        message.attempt = int(author is ASSISTANT)
        self.messages[message.id] = message
        return self._event(message)

    def ask(self, author: User, text: str) -> list[MessageEvent]:
        question, answer = self.say(author, text), self.say(ASSISTANT, "", "pending")
        self.jobs[answer.message.id] = Job()
        return [question, answer]

    def edit(self, message: str, text: str) -> MessageEvent:
        return self._change(message, text=text)

    def settle(self, answer: str, status: Status = "complete") -> MessageEvent:
        job = self.jobs[answer]
        job.live = False
        return self._change(answer, text=job.text, status=status, attempt=job.attempt)

    def retry(self, answer: str) -> MessageEvent:
        job = self.jobs[answer] = Job(attempt=self.jobs[answer].attempt + 1)
        return self._change(answer, text="", status="pending", attempt=job.attempt)

    def supersede(self, answer: str) -> None:
        self.jobs[answer] = Job(attempt=self.jobs[answer].attempt + 1)

    def write(self, answer: str, text: str, pieces: int = 1) -> AnswerDelta:
        job = self.jobs[answer]
        job.n += pieces
        job.text += text
        return AnswerDelta(room=self.name, message=answer, attempt=job.attempt, n=job.n, merged=pieces, text=text)

    def snapshot(self, answer: str) -> LiveAnswer | None:
        job = self.jobs[answer]
        if not job.live:
            return None
        return LiveAnswer(message=answer, attempt=job.attempt, n=job.n, text=job.text, stage="writing")

    def living(self) -> list[str]:
        return [answer for answer, job in self.jobs.items() if job.live]

    def _change(self, message: str, **fields: str | int) -> MessageEvent:
        changed = copy.copy(self.messages[message])
        for name, value in fields.items():
            setattr(changed, name, value)
        changed.rev = self._next()
        self.messages[message] = changed
        return self._event(changed)

    def _event(self, message: Message) -> MessageEvent:
        return MessageEvent(room=self.name, rev=message.rev, message=copy.copy(message))

    # --- as `Truth` reads it ---

    def load(self, epoch: str = "e") -> RoomState:
        latest = sorted(self.messages.values(), key=lambda message: message.seq)[-SNAPSHOT_MESSAGES:]
        return self._state(latest, epoch, with_meta=True)

    def changes(self, position: RoomPosition, epoch: str = "e") -> RoomState:
        rows = sorted((m for m in self.messages.values() if m.rev > position.rev), key=lambda message: message.rev)
        return self._state(rows[: CHANGES_MAX + 1], epoch, with_meta=self.meta_rev > position.meta_rev)

    def _state(self, messages: Sequence[Message], epoch: str, *, with_meta: bool) -> RoomState:
        return RoomState(
            room=self.name,
            epoch=epoch,
            rev=self.rev,
            meta_rev=self.meta_rev,
            floor=self.floor,
            messages=[copy.copy(message) for message in messages],
            pending=[Pending(answer, self.jobs[answer].attempt) for answer in self.living()],
            meta=self.meta if with_meta else None,
            members=copy.deepcopy(list(self.members.values())) if with_meta else None,
        )


class World:
    """Implements `realtime.ports.Truth`; `away` makes every read fail, `reads` counts them by name."""

    def __init__(self, *rooms: str, members: Sequence[str] = ("ann",)) -> None:
        self.name = "e"
        self.away = False
        self.reads: list[str] = []
        self.rooms = {name: Room(name) for name in rooms}
        for room in self.rooms.values():
            for member in members:
                room.add_member(member)

    def _read(self, name: str) -> None:
        self.reads.append(name)
        if self.away:
            raise Unavailable

    async def epoch(self) -> str:
        self._read("epoch")
        return self.name

    async def load(self, rooms: Sequence[str]) -> dict[str, RoomState | None]:
        self._read("load")
        return {room: self.rooms[room].load(self.name) if room in self.rooms else None for room in rooms}

    async def changes(self, positions: Mapping[str, RoomPosition]) -> dict[str, RoomState | None]:
        self._read("changes")
        return {
            room: self.rooms[room].changes(position, self.name) if room in self.rooms else None
            for room, position in positions.items()
        }

    async def heads(self, rooms: Sequence[str]) -> dict[str, Head]:
        self._read("heads")
        found = {room: self.rooms[room] for room in rooms if room in self.rooms}
        return {name: Head(rev=room.rev, meta_rev=room.meta_rev, floor=room.floor) for name, room in found.items()}

    async def barred(self, users: Sequence[str]) -> set[str]:
        return set()

    async def entries(
        self, user: str, *, limit: int, rooms: Sequence[str] | None = None
    ) -> tuple[list[RoomEntry], bool]:
        self._read("entries")
        mine = [room for room in self.rooms.values() if user in room.members and (rooms is None or room.name in rooms)]
        entries = [RoomEntry(room=room.name, rev=room.rev, title=room.meta.title, kind="group") for room in mine]
        return entries[:limit], len(entries) > limit

    async def summaries(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, RoomSummary]]:
        self._read("summaries")
        return [
            (user, RoomSummary(room=room, rev=self.rooms[room].rev, unread=1))
            for user, room in pairs
            if room in self.rooms and user in self.rooms[room].members
        ]
