"""Tells the sockets of who gave a document how far it is. What is lost of it is no loss: the records have the state."""

from __future__ import annotations

import functools
import time
from typing import cast

from chatserver.config import config
from chatserver.knowledge.models import Document
from chatserver.protocol.frames import DocumentEvent, DocumentState, DocumentStatus
from chatserver.realtime import packets
from chatserver.realtime.announce import Announcer

__all__ = ["announce", "announce_work"]

INTERVAL_SECONDS = 0.25

_latest: tuple[object, float] = (None, 0.0)
"""The document whose work was announced last, and when."""


@functools.cache
def _announcer() -> Announcer:
    return Announcer(config().redis_urls)


def announce(document: Document, status: DocumentStatus | None = None) -> None:
    """Its present state (or `status`), to all sockets of its owner and to nobody else. Never raises."""
    if document.owner_id is None:
        return
    state = DocumentState(
        id=str(document.pk),
        collection=str(document.collection_id),
        title=document.title or document.origin,
        status=status or cast(DocumentStatus, str(document.status)),
        error=document.error or None,
        done=document.done,
        total=document.total,
    )
    data = packets.encode(DocumentEvent(document=state))
    _announcer().announce(f"{packets.DOCUMENT}{document.owner_id}", data)


def announce_work(document: Document) -> None:
    """As `announce`, for what changes many times a second: at most one in `INTERVAL_SECONDS` for each document."""
    global _latest
    now = time.monotonic()
    if document.pk != _latest[0] or now - _latest[1] >= INTERVAL_SECONDS:
        _latest = (document.pk, now)
        announce(document)
