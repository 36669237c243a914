"""The answer worker: claims pending answers, proves that it lives, and takes over from workers that do not.

Runs as tasks of a serving process or alone (`manage.py answer_worker`). All coordination is in PostgreSQL's `job` rows;
the bus only wakes it early. The clock of another machine is never compared: each worker judges the others' beat
counters on its own clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from msgspec import Struct

from chatserver import logs, tracing
from chatserver.answers.writer import Writer, boottime
from chatserver.errors import Unavailable
from chatserver.metrics import Counter, Gauge
from chatserver.protocol.frames import MessageEvent
from chatserver.rag.pipeline import Pipeline
from chatserver.rag.types import Part
from chatserver.realtime.hub import Hub
from chatserver.rooms.store import Store
from chatserver.rooms.types import Job, JobBeat

__all__ = ["Worker", "origin"]

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
BEAT_SECONDS = 2.0
WATCH_SECONDS = 1.0
SILENT_SECONDS = 8.0
SILENT_POLLS = 4
LOSSES_MAX = 3
"""An answer that took this many workers down with it (or lost them otherwise) is `failed`."""


WRITING = Gauge("chatserver_answers_writing", "Answers being written by this process.")
SLOTS = Gauge("chatserver_answer_slots", "Answers that this process writes at once at most.")
TAKEN_OVER = Counter("chatserver_answers_taken_over_total", "Answers taken from workers that fell silent.")


class _Sighting(Struct):
    """Since when, and in how many polls, a job's beat has stood still."""

    since: float
    polls: int = 1


def origin(job: Job) -> tuple[str, list[str]]:
    """Which step an attempt is a part of, and which question it comes from besides: that of a retry is another trace,
    and one that took over from a lost worker is not what the question led to at first."""
    asked, *question = job.trace.split() or [""]
    return asked, question or ([asked] if asked and job.attempt > 1 else [])


class Worker:
    def __init__(
        self,
        store: Store,
        hub: Hub,
        pipeline: Pipeline,
        *,
        name: str,
        slots: int,
        answer_seconds: float = 300.0,
        history: int = 12,
    ) -> None:
        """`slots`: answers written at once, 0 for none; `answer_seconds`: how long one may take; `history`: earlier
        messages that go with a question.
        """
        self.name = name
        self._store = store
        self._hub = hub
        self._pipeline = pipeline
        self._slots = slots
        self._seconds = answer_seconds
        self._history = history
        self._writers: dict[tuple[str, int], Writer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._seen: dict[tuple[str, int, int], _Sighting] = {}

    @property
    def busy(self) -> int:
        """Answers being written here."""
        return len(self._writers)

    async def start(self) -> None:
        """Begin to work; returns at once. Without slots there is nothing to do."""
        WRITING.read, SLOTS.read = (lambda: self.busy), (lambda: self._slots)
        if not self._slots:
            return
        self._hub.on_wake = self._woken.set
        self._loops = [
            asyncio.create_task(self._forever(self._claim, self._claim_pause), name="answers: claim"),
            asyncio.create_task(self._forever(self._beat, lambda: asyncio.sleep(BEAT_SECONDS)), name="answers: beat"),
            asyncio.create_task(
                self._forever(self._watch, lambda: asyncio.sleep(WATCH_SECONDS)), name="answers: watch"
            ),
        ]

    async def stop(self) -> None:
        """Stop at once and hand what is being written to the other workers, as the next attempt."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops.clear()
        writing = list(self._tasks)
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        if not self._slots:
            return
        try:
            released = await self._store.release(self.name)
        except Unavailable:
            return  # the others notice the silence
        if released:
            self._hub.wake_workers()

    async def _forever(self, step: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except Unavailable:
                log.warning("answers: PostgreSQL is away; trying again")
            except Exception:
                log.exception("answers: %s failed", step.__name__)
            await pause()

    # --- claim -------------------------------------------------------------------------------------------------------

    async def _claim_pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> None:
        self._woken.clear()
        while (free := self._slots - len(self._writers)) > 0:
            began = time.time_ns()
            jobs = await self._store.claim(self.name, min(free, 16))
            for job in jobs:
                self._begin(job, began)
            if len(jobs) < min(free, 16):
                return

    def _begin(self, job: Job, began: int) -> None:
        """`began`: when we reached for it (`time.time_ns`)."""
        key = (job.message, job.attempt)
        writer = self._writers[key] = Writer(job, self._hub, self._store, seconds=self._seconds)

        async def parts() -> AsyncGenerator[Part]:
            with tracing.span("context"):
                question = await self._store.context(job, history=self._history)
            async with aclosing(self._pipeline.run(question)) as run:
                async for part in run:
                    yield part

        async def write() -> None:
            about: dict[str, str | int] = {"room": job.room, "answer": job.message, "attempt": job.attempt}
            logs.bind(**about)  # in the context of this task alone
            parent, links = origin(job)
            with tracing.span("answer", parent=parent, links=links, began=began) as span:
                span.set(**about, worker=self.name, losses=job.losses)
                tracing.span("claim", began=began).end()
                await writer.run(parts)

        task = asyncio.create_task(write(), name=f"answer {job.message}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._writers.pop(key, None)
            self._woken.set()  # a slot is free
            if not task.cancelled() and (error := task.exception()):
                log.error("answer %s ended badly", job.message, exc_info=error)

        task.add_done_callback(ended)

    # --- beat --------------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        asked = dict(self._writers)
        if not asked:
            return
        at = boottime()
        mine = await self._store.beat(self.name, list(asked))
        for key, writer in asked.items():
            if key in mine:
                writer.confirm(at)
            else:
                writer.lose()

    # --- watch -------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        try:
            running = await self._store.running()
        except Unavailable:
            self._seen.clear()  # silence while nobody could beat says nothing
            raise
        now, seen = boottime(), {}
        for job in running:
            if (job.message, job.attempt) in self._writers:
                continue
            key = (job.message, job.attempt, job.beat)
            sighting = self._seen.get(key)
            if sighting is None:
                sighting = _Sighting(now)
            else:
                sighting.polls += 1
            seen[key] = sighting
        self._seen = seen
        for job in running:
            sighting = seen.get((job.message, job.attempt, job.beat))
            if sighting and now - sighting.since >= SILENT_SECONDS and sighting.polls > SILENT_POLLS:
                await self._supersede(job)

    async def _supersede(self, silent: JobBeat) -> None:
        if len(self._writers) >= self._slots and silent.losses + 1 < LOSSES_MAX:
            return  # others watch too; with no slot anywhere it waits like any other
        began = time.time_ns()
        job = await self._store.supersede(silent, self.name)
        if job is None:
            return
        TAKEN_OVER.add()
        log.warning("answer %s: worker %s fell silent; attempt %d begins", job.message, silent.worker, job.attempt)
        if job.losses >= LOSSES_MAX:
            await self._give_up(job)
        else:
            self._begin(job, began)

    async def _give_up(self, job: Job) -> None:
        text = "The assistant could not finish this answer: its worker was lost several times."
        message = await self._store.settle(job.message, job.room, job.attempt, "failed", text, [], None)
        if message is not None:
            self._hub.publish(job.room, MessageEvent(room=job.room, rev=message.rev, message=message))
