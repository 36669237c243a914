"""The text so far of an answer being written, by the delta rules of docs/protocol.md. Pure."""

from __future__ import annotations

from enum import Enum
from typing import assert_never

from msgspec import UNSET

from chatserver.protocol.frames import AnswerDelta, AnswerStage, LiveAnswer, Source, StageName

__all__ = ["Fit", "Live", "as_events"]


class Fit(Enum):
    """How a delta relates to what is known."""

    OLD = "nothing new in it"
    NEXT = "continues the text"
    WHOLE = "is the whole text so far"
    GAP = "something before it is missing"


class Live:
    """One answer at `(attempt, n)`. Text is kept in pieces and joined when it is read."""

    __slots__ = ("_pieces", "attempt", "message", "n", "rev", "size", "sources", "stage")

    def __init__(self, message: str, attempt: int, rev: int = 0) -> None:
        self.message = message
        self.rev = rev
        """The rev of the change that made it live; 0 when only deltas told of it."""
        self._reset(attempt)

    def _reset(self, attempt: int) -> None:
        self.attempt = attempt
        self.n = 0
        self.size = 0
        self.stage: StageName = "queued"
        self.sources: list[Source] = []
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def raise_to(self, attempt: int) -> bool:
        """Begin `attempt` from empty when it is a later one; returns whether it is."""
        if attempt <= self.attempt:
            return False
        self._reset(attempt)
        return True

    def fit(self, delta: AnswerDelta) -> Fit:
        """For a delta of this very attempt."""
        if delta.n <= self.n:
            return Fit.OLD
        if delta.n - delta.merged == self.n:
            return Fit.NEXT
        return Fit.WHOLE if delta.merged == delta.n else Fit.GAP

    def add(self, delta: AnswerDelta) -> AnswerDelta | None:
        """Take in a delta of this attempt; returns what a reader at our position lacks, None when that is unknown.

        A whole text is cut to the missing suffix, so that nobody is sent again what they have.
        """
        fit = self.fit(delta)
        match fit:
            case Fit.NEXT:
                self._pieces.append(delta.text)
                self.size += len(delta.text)
                self.n = delta.n
                return delta
            case Fit.WHOLE:
                known, merged = self.text, delta.n - self.n
                self._pieces, self.size, self.n = [delta.text], len(delta.text), delta.n
                if not delta.text.startswith(known):
                    return delta  # not a continuation of what we had: it replaces
                return AnswerDelta(
                    room=delta.room,
                    message=delta.message,
                    attempt=delta.attempt,
                    n=delta.n,
                    merged=merged,
                    text=delta.text[len(known) :],
                )
            case Fit.OLD | Fit.GAP:
                return None
            case _:
                assert_never(fit)

    def snapshot(self) -> LiveAnswer:
        return LiveAnswer(
            message=self.message,
            attempt=self.attempt,
            n=self.n,
            text=self.text,
            stage=self.stage,
            sources=self.sources,
        )


def as_events(room: str, answer: LiveAnswer) -> tuple[AnswerStage, AnswerDelta | None]:
    """What says the same as `answer`: its stage and sources, and one delta that replaces the whole text."""
    stage = AnswerStage(
        room=room,
        message=answer.message,
        attempt=answer.attempt,
        stage=answer.stage,
        sources=answer.sources or UNSET,
    )
    if not answer.n:
        return stage, None
    delta = AnswerDelta(
        room=room, message=answer.message, attempt=answer.attempt, n=answer.n, merged=answer.n, text=answer.text
    )
    return stage, delta
