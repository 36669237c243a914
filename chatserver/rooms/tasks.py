"""Background work on rooms."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError

from chatserver.celery import app
from chatserver.rooms import retention

__all__ = ["expire"]

log = logging.getLogger(__name__)

SLICE_SECONDS = 20.0
"""Then documents get their turn."""


@app.task(ignore_result=True)  # type: ignore[untyped-decorator]
def expire() -> None:
    """Every hour: delete the messages that their sites keep no longer, and come again while there are more."""
    try:
        gone, more = retention.expire(SLICE_SECONDS)
    except (OperationalError, InterfaceError) as error:
        log.warning("retention waits for the next hour: %s", error)
        return
    if gone:
        log.info("retention: %d messages deleted", gone)
    if more:
        expire.delay()
