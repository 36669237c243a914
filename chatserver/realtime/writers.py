"""The answers that this process writes: who is asked when a replica somewhere lacks their text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from chatserver.protocol.frames import LiveAnswer

__all__ = ["Tail", "Writers"]

SNAPSHOT_SECONDS = 0.2
TAIL_SECONDS = 1.0
TAIL_MAX = 8.0


class Tail(Struct):
    """How far an answer's text goes, said when its writer falls silent."""

    message: str
    attempt: int
    n: int


@dataclass(slots=True)
class _Writer:
    room: str
    attempt: int
    snapshot: Callable[[], LiveAnswer]
    on_ended: Callable[[], None]
    told_at: float = float("-inf")
    timer: asyncio.TimerHandle | None = None
    wrote_at: float = 0.0
    tail_after: float = TAIL_SECONDS


class Writers:
    """`say(room, snapshot)` publishes a snapshot, `say_tail(room, tail)` a position."""

    def __init__(self, say: Callable[[str, LiveAnswer], None], say_tail: Callable[[str, Tail], None]) -> None:
        self._say = say
        self._say_tail = say_tail
        self._writers: dict[str, _Writer] = {}

    def begin(
        self, answer: str, room: str, attempt: int, snapshot: Callable[[], LiveAnswer], on_ended: Callable[[], None]
    ) -> None:
        self._writers[answer] = _Writer(room, attempt, snapshot, on_ended, wrote_at=time.monotonic())

    def end(self, answer: str, attempt: int) -> str | None:
        """Forget that attempt; returns its room when nothing else is written there."""
        writer = self._writers.get(answer)
        if writer is None or writer.attempt != attempt:
            return None
        del self._writers[answer]
        if writer.timer:
            writer.timer.cancel()
        return None if self.writes_in(writer.room) else writer.room

    def writes_in(self, room: str) -> bool:
        return any(writer.room == room for writer in self._writers.values())

    def snapshot(self, answer: str) -> LiveAnswer | None:
        writer = self._writers.get(answer)
        return writer.snapshot() if writer else None

    def __contains__(self, answer: object) -> bool:
        return answer in self._writers

    def wrote(self, answer: str) -> None:
        """A delta was published."""
        if writer := self._writers.get(answer):
            writer.wrote_at = time.monotonic()
            writer.tail_after = TAIL_SECONDS

    def wanted(self, answer: str) -> None:
        """Somebody lacks the text: say it, at most five times a second."""
        writer = self._writers.get(answer)
        if writer is None or writer.timer is not None:
            return
        wait = writer.told_at + SNAPSHOT_SECONDS - time.monotonic()
        if wait <= 0:
            self._tell(answer)
        else:
            writer.timer = asyncio.get_running_loop().call_later(wait, self._tell, answer)

    def ended(self, answer: str, attempt: int) -> None:
        """The truth has an end of `attempt`, or somebody writes a later one: ours is over if it is not newer."""
        writer = self._writers.get(answer)
        if writer is not None and writer.attempt <= attempt:
            writer.on_ended()

    def superseded(self, answer: str, attempt: int) -> None:
        """Something of `attempt` was seen: an earlier one of ours is over."""
        self.ended(answer, attempt - 1)

    def tails(self, now: float) -> None:
        """Say the position of answers that wrote nothing for a while: the last deltas may have been lost."""
        for answer, writer in list(self._writers.items()):
            if now - writer.wrote_at >= writer.tail_after:
                writer.tail_after = min(writer.tail_after * 2, TAIL_MAX)
                writer.wrote_at = now
                said = writer.snapshot()
                self._say_tail(writer.room, Tail(answer, said.attempt, said.n))

    def _tell(self, answer: str) -> None:
        writer = self._writers.get(answer)
        if writer is not None:
            writer.timer = None
            writer.told_at = time.monotonic()
            self._say(writer.room, writer.snapshot())
