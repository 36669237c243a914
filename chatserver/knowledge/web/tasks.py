"""Background work on web sources. As with documents, a message only says that there may be something to do."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from chatserver import logs
from chatserver.celery import app
from chatserver.errors import Unavailable
from chatserver.knowledge.models import WebSource
from chatserver.knowledge.tasks import enqueue as enqueue_document
from chatserver.knowledge.web import sources

__all__ = ["enqueue", "fetch_due", "fetch_source"]

log = logging.getLogger(__name__)

AWAY = (Unavailable, OperationalError, InterfaceError)
AT_ONCE = 100
"""More sources are left to the next look."""
NEAR_SECONDS = 30.0


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def fetch_source(source_id: str, at: str) -> None:
    """A turn on a source that is due `at` that time (RFC 3339); and a message for its next turn."""
    logs.bind(source=source_id)
    try:
        next_at = sources.take_turn(source_id, datetime.fromisoformat(at), enqueue_document)
    except AWAY as error:
        log.warning("web source %s waits: %s", source_id, error)
        return
    if next_at is not None:
        _call(source_id, next_at)


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def fetch_due() -> None:
    """Every few seconds: what the schedule says, and what a lost message or a crash left behind."""
    try:
        found = list(sources.due()[:AT_ONCE])
    except AWAY:
        log.debug("PostgreSQL is away")
        return
    for source in found:
        enqueue(source)


def enqueue(source: WebSource) -> bool:
    """Say that a source is due; False when Redis is away: then `fetch_due` finds it."""
    try:
        if source.next_fetch is not None:
            _call(str(source.pk), source.next_fetch)
    except (OSError, fetch_source.OperationalError) as error:
        log.warning("web source %s waits for the next look: %s", source.pk, error)
        return False
    return True


def _call(source_id: str, at: datetime) -> None:
    # One that is far off is left to `fetch_due`: a worker would have to keep it in mind.
    if (wait := (at - timezone.now()).total_seconds()) < NEAR_SECONDS:
        fetch_source.apply_async((source_id, at.isoformat()), countdown=max(0.0, wait) or None)
