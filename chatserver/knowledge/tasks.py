"""Background work: bring a document into the index. Every task may run twice, at once, or never: PostgreSQL knows."""

from __future__ import annotations

import functools
import logging
from typing import Any

from django.db import InterfaceError, OperationalError

from chatserver.celery import app
from chatserver.errors import ProviderError, Unavailable
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import Document

__all__ = ["enqueue", "ingest_document", "sweep"]

log = logging.getLogger(__name__)

RETRIES = 8
BUSY_SECONDS = 60
SWEEP_MAX = 10_000
"""More are left to the next sweep."""
AWAY = (Unavailable, ProviderError, OperationalError, InterfaceError)


@functools.cache
def _ingester() -> Ingester:
    """One per worker process; its loop keeps the index and the embedder open from task to task."""
    return Ingester.from_settings()


@app.task(bind=True, max_retries=RETRIES)  # type: ignore[untyped-decorator]
def ingest_document(self: Any, document_id: str) -> None:
    """Make a document found. While an engine or the embedder is away it is tried again for about an hour; after
    that the document says why it waits, and the next sweep takes it up."""
    ingester = _ingester()
    try:
        outcome = ingester.process(document_id)
        ingester.tidy()
    except AWAY as error:
        log.warning("document %s: %s", document_id, error)
        _note(document_id, error)
        raise self.retry(exc=error, countdown=min(600, 10 * 2**self.request.retries)) from error
    if outcome == "busy":
        # Whoever has it may die with it, so this one comes back.
        raise self.retry(countdown=BUSY_SECONDS)
    log.info("document %s: %s", document_id, outcome)


def _note(document_id: str, error: Exception) -> None:
    reason = error.message if isinstance(error, Unavailable | ProviderError) else "The database could not be reached."
    try:
        Document.objects.filter(pk=document_id).update(error=f"{reason} It will be tried again.")
    except (OperationalError, InterfaceError):
        log.warning("document %s: PostgreSQL is away", document_id)


@app.task(autoretry_for=AWAY, retry_backoff=5, max_retries=RETRIES)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """At a worker's start: compare the index with the records, and queue what is unfinished."""
    waiting = _ingester().repair()
    for document_id in waiting[:SWEEP_MAX]:
        ingest_document.delay(document_id)
    if waiting:
        log.info("queued %d unfinished documents", len(waiting))


def enqueue(document_id: str) -> bool:
    """Queue a document; False when Redis is away: the document then waits in PostgreSQL for the next sweep."""
    try:
        ingest_document.delay(document_id)
    except (OSError, ingest_document.OperationalError) as error:
        log.warning("document %s is not queued: %s", document_id, error)
        return False
    return True
