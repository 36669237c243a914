"""Background work on documents. A task says only that there is work: which document is next stands in PostgreSQL.

So a task may be lost, run twice, or come too late. What was forgotten is found again: `wake` looks every few seconds,
`sweep` compares the index with the records every few minutes.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_shutdown
from django.db import InterfaceError, OperationalError
from redis import RedisError

from chatserver import logs
from chatserver.celery import TASK_SECONDS, app
from chatserver.config import config
from chatserver.errors import ConfigError, ProviderError, Unavailable
from chatserver.knowledge import progress, records, work
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Document
from chatserver.knowledge.work import Step
from chatserver.metrics import Board

__all__ = ["enqueue", "go_on", "sweep", "wake"]

log = logging.getLogger(__name__)

SLICE_SECONDS = 30.0
"""So long vectors are made for one document before others get their turn."""
REST_SECONDS = 5.0
REST_MAX = 300.0
"""An engine or an embedder that is away is asked again after 5 s, then 10 s and so on up to this."""
REFUSED_WAIT = timedelta(minutes=10)
OF_THE_DOCUMENT = ("refused", "malformed", "empty")
"""Kinds of `ProviderError` that may lie in what was sent: another document may do better."""
AWAY = (Unavailable, OperationalError, InterfaceError)
TOO_LONG = f"The document took more than {TASK_SECONDS // 60} minutes to read; give it in parts."


class Hand:
    """What one process does, step by step. It rests from what is away: from all of it, or from making vectors."""

    def __init__(self, ingester: Ingester) -> None:
        self.ingester = ingester
        self._rests: dict[Step, tuple[float, float]] = {}

    def step(self) -> bool:
        """Bring one document further: read one while any waits to be read, so that it is found by its words; else make
        vectors for a while. False when there is nothing to do, or nothing that can be done now."""
        if not self._rested("parse"):
            return False
        try:
            if self._take("parse", lambda: True):
                return True
            return self._rested("embed") and self.ingester.embeds and self._take("embed")
        except AWAY:
            self._rest("parse")
            raise

    def _take(self, step: Step, pause: Callable[[], bool] | None = None) -> bool:
        for document in work.waiting(step):
            try:
                with logs.bound(document=document):
                    outcome = self.ingester.process(document, pause=pause or _slice())
                if outcome == "busy":
                    continue
                self._rests.pop(step, None)
            except ProviderError as error:
                self._put_off(document, error)
            except SoftTimeLimitExceeded:
                self._too_long(document, step)
            except AWAY:
                raise
            except Exception:
                log.exception("document %s: an error of the server's own", document)
            return True
        return False

    def _rest(self, step: Step, at_least: float = 0.0) -> None:
        """Leave a step alone for a while; without "parse" nothing is done."""
        _, before = self._rests.get(step, (0.0, REST_SECONDS / 2))
        seconds = min(REST_MAX, max(at_least, before * 2))
        self._rests[step] = (time.monotonic() + seconds, seconds)

    def _rested(self, step: Step) -> bool:
        return time.monotonic() >= self._rests.get(step, (0.0, 0.0))[0]

    def _put_off(self, document: str, error: ProviderError) -> None:
        log.warning("document %s: %s", document, error.message)
        if error.kind in OF_THE_DOCUMENT:
            work.postpone(document, error.message, REFUSED_WAIT)
        else:
            work.postpone(document, error.message)
            self._rest("embed", error.retry_after or 0.0)

    def _too_long(self, document: str, step: Step) -> None:
        log.warning("document %s: took longer than %d s", document, TASK_SECONDS)
        if step == "embed":
            work.postpone(document, "Making its vectors took too long.", REFUSED_WAIT)
        else:
            self.ingester.give_up(document, TOO_LONG)


def _slice() -> Callable[[], bool]:
    """A pause after `SLICE_SECONDS`, or as soon as there is something to read; one batch is made in any case."""
    began: float | None = None

    def over() -> bool:
        nonlocal began
        if began is None:
            began = time.monotonic()
            return False
        return time.monotonic() - began > SLICE_SECONDS or work.queued()

    return over


@functools.cache
def _hand() -> Hand:
    """One per worker process; the ingester's loop keeps the index and the embedder open from task to task."""
    board = Board(config().data / "metrics", "documents")
    board.open()
    board.start_thread()
    worker_process_shutdown.connect(lambda **_: board.close(), weak=False)
    return Hand(Ingester.from_settings(change=True))


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def go_on() -> None:
    """Take one step of what is waiting, and come again while there is more."""
    try:
        hand = _hand()
        if hand.step():
            hand.ingester.upkeep.tidy()
            go_on.delay()
    except AWAY as error:
        log.warning("documents wait: %s", error.message if isinstance(error, Unavailable) else "PostgreSQL is away")
    except ConfigError as error:
        log.error("documents wait: %s", error)


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def wake() -> None:
    """Every few seconds: go on with what waits, if nobody does. Heals a lost message, and ends a rest."""
    try:
        if work.due("parse").exists() or work.due("embed").exists():
            _call()
    except AWAY:
        log.debug("PostgreSQL is away")


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """At a worker's start and every few minutes: compare the index with the records, and give back what is not needed.
    One worker at a time does it."""
    try:
        with records.ingesting("sweep") as held:
            if not held:
                return
            ingester = _hand().ingester
            waiting = ingester.repair()
            ingester.retire()
            ingester.upkeep.tidy(thorough=True)
    except AWAY as error:
        log.warning("no comparison of index and records now: %s", error)
        return
    for _ in range(min(len(waiting), config().ingest_processes)):
        go_on.delay()


def enqueue(document_id: str) -> bool:
    """Say that there is work on this document; False when Redis is away: then `wake` or `sweep` finds it."""
    if document := Document.objects.filter(pk=document_id).defer("text").first():
        progress.announce(document)
    try:
        _call()
    except (OSError, RedisError, go_on.OperationalError) as error:
        log.warning("document %s waits for the next look: %s", document_id, error)
        return False
    return True


def _call() -> None:
    """One message for each process is enough, since each goes on until nothing is left."""
    with app.connection_or_acquire() as connection:
        waiting = connection.default_channel.queue_declare(app.conf.task_default_queue).message_count
        if waiting < config().ingest_processes:
            go_on.delay()
