"""Writes one attempt of one answer: pipeline parts in, numbered deltas out, one settlement at the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol, assert_never

from msgspec import UNSET

from chatserver import tracing
from chatserver.answers.coalesce import Coalescer
from chatserver.errors import ChatError, Unavailable
from chatserver.metrics import Histogram
from chatserver.protocol.frames import (
    AnswerDelta,
    AnswerStage,
    LiveAnswer,
    Message,
    MessageEvent,
    Source,
    StageName,
    Status,
)
from chatserver.providers.base import Usage
from chatserver.rag.citations import cited
from chatserver.rag.types import Delta, Done, Part, Sources, Stage

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.04
HOLD_AFTER = 6.0
"""Without a confirmed beat for this long another worker may soon own the answer (it waits 8 s): say nothing more."""
FIRST = Histogram("chatserver_answer_first_token_seconds", "From the claim of an answer to its first text.")
TOOK = Histogram("chatserver_answer_seconds", "From the claim of an answer to the end of its text.")
WROTE = Histogram("chatserver_answer_writing_seconds", "From the first text of an answer to the end of its text.")
ANSWER_BYTES = 128 * 1024
"""An answer's text ends here, so that its message fits the protocol's 256 KiB object with its sources."""


class Publisher(Protocol):
    """What a writer needs of the hub."""

    def publish(self, room: str, event: MessageEvent | AnswerStage | AnswerDelta) -> None: ...

    def write_answer(
        self, answer: str, room: str, attempt: int, snapshot: Callable[[], LiveAnswer], on_ended: Callable[[], None]
    ) -> None: ...

    def end_answer(self, answer: str, attempt: int) -> None: ...


class Settler(Protocol):
    async def settle(
        self,
        message: str,
        room: str,
        attempt: int | None,
        status: Status,
        text: str,
        sources: list[Source],
        usage: Usage | None = None,
        *,
        found: bool | None = None,
        unsupported: int = 0,
    ) -> Message | None: ...


class AnswerJob(Protocol):
    """What a claim gives: the answer to write (`message`), its room, and which attempt this is."""

    @property
    def message(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def attempt(self) -> int: ...


def boottime() -> float:
    """Seconds on a clock that nobody sets and that goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) if hasattr(time, "clock_gettime") else None
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Writer:
    """One attempt. `run` returns when the attempt is over, whoever ended it; it never raises but for cancellation."""

    def __init__(self, job: AnswerJob, hub: Publisher, store: Settler, *, seconds: float) -> None:
        self.job = job
        self._hub = hub
        self._store = store
        self._seconds = seconds
        self._flow = Coalescer(FLUSH_SECONDS)
        self._stage: StageName = "queued"
        self._sources: list[Source] = []
        self._done: Done | None = None
        self._began = self._confirmed = boottime()
        self._first: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._lost = False
        self._settling = False

    async def run(self, context: Callable[[], AsyncGenerator[Part]]) -> None:
        """Write the answer from the parts of `context()` and settle it. Cancelling it closes the upstream request."""
        job, self._task = self.job, asyncio.current_task()
        self._hub.write_answer(job.message, job.room, job.attempt, self.snapshot, self.lose)
        try:
            status, text, sources = await self._write(context)
            self._measure(boottime())
            self._flush()
            with tracing.span("settle", status=status, cited=len(sources)):
                await self._settle(status, text, sources)
        except asyncio.CancelledError:
            if not self._over:
                raise  # the worker stops; `lose` alone is a normal end
        finally:
            self._over = True
            if self._timer:
                self._timer.cancel()
            self._hub.end_answer(job.message, job.attempt)

    def confirm(self, at: float) -> None:
        """A beat that began at `at` (`boottime`) found this attempt still ours."""
        self._confirmed = at
        if self._flow.waiting and not self._timer:
            self._flush()

    def lose(self) -> None:
        """The attempt was ended or superseded by somebody else: close the upstream request and say nothing more."""
        self._lost = True
        # A settlement in flight is left alone: a beat that meets its committed row would else cut off its publication.
        if not self._over and not self._settling and self._task:
            self._over = True
            self._task.cancel()

    def snapshot(self) -> LiveAnswer:
        """What was flushed so far, for replicas that lack it."""
        return LiveAnswer(
            message=self.job.message,
            attempt=self.job.attempt,
            n=self._flow.n,
            text=self._flow.text,
            stage=self._stage,
            sources=self._sources,
        )

    async def _write(self, context: Callable[[], AsyncGenerator[Part]]) -> tuple[Status, str, list[Source]]:
        try:
            async with asyncio.timeout(self._seconds), aclosing(context()) as parts:
                async for part in parts:
                    match part:
                        case Stage(stage):
                            self._announce(stage, None)
                        case Sources(found):
                            self._announce(self._stage, list(found))
                        case Delta(text):
                            if not self._write_text(text):
                                return "complete", self._flow.whole, cited(self._flow.whole, self._sources)
                        case Done() as done:
                            self._done = done
                            return "complete", done.text, list(done.sources)
                        case _:
                            assert_never(part)
            raise RuntimeError("the pipeline ended without Done")
        except TimeoutError:
            return self._failed("The answer took too long and was ended.")
        except ChatError as error:
            log.info("answer %s, attempt %d failed: %s", self.job.message, self.job.attempt, error.message)
            return self._failed(error.message)
        except Exception:
            log.exception("answer %s, attempt %d failed", self.job.message, self.job.attempt)
            return self._failed("The assistant failed on this question; the server's log says why.")

    def _measure(self, now: float) -> None:
        TOOK.observe(now - self._began)
        if self._first is not None:
            WROTE.observe(now - self._first)

    def _failed(self, reason: str) -> tuple[Status, str, list[Source]]:
        # What was shown stays; only an empty answer says why it is empty.
        return "failed", self._flow.whole or reason, cited(self._flow.whole, self._sources)

    def _announce(self, stage: StageName, sources: list[Source] | None) -> None:
        self._stage = stage
        if sources is not None:
            self._sources = sources
        self._hub.publish(
            self.job.room,
            AnswerStage(
                room=self.job.room,
                message=self.job.message,
                attempt=self.job.attempt,
                stage=stage,
                sources=UNSET if sources is None else sources,
            ),
        )

    def _write_text(self, text: str) -> bool:
        """Take a piece of text; False when the answer is as long as an answer may be."""
        if self._first is None:
            self._first = boottime()
            FIRST.observe(self._first - self._began)
        room_left = ANSWER_BYTES - self._flow.size
        if fits := len(text.encode()) <= room_left:
            wait = self._flow.add(text, time.monotonic())
            if wait <= 0:
                self._flush()
            elif not self._timer:
                self._timer = asyncio.get_running_loop().call_later(wait, self._flush)
        return fits

    def _flush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._over or not self._flow.waiting or boottime() - self._confirmed > HOLD_AFTER:
            return
        n, merged, text = self._flow.take(time.monotonic())
        self._hub.publish(
            self.job.room,
            AnswerDelta(
                room=self.job.room,
                message=self.job.message,
                attempt=self.job.attempt,
                n=n,
                merged=merged,
                text=text,
            ),
        )

    async def _settle(self, status: Status, text: str, sources: list[Source]) -> None:
        job, done, pause = self.job, self._done, 0.1
        self._settling = True
        while True:
            try:
                message = await self._store.settle(
                    job.message,
                    job.room,
                    job.attempt,
                    status,
                    text,
                    sources,
                    done.usage if done else None,
                    found=done.found if done else None,
                    unsupported=done.unsupported if done else 0,
                )
                break
            except Unavailable:
                # PostgreSQL is away. The text waits here while beats go on, until it is back or the attempt is lost.
                if self._lost:
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
        self._over = True
        if message is not None:
            self._hub.publish(job.room, MessageEvent(room=job.room, rev=message.rev, message=message))
