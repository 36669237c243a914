"""Which document is taken up next, and what becomes of one that takes its worker along.

PostgreSQL is the queue: what is to be done stands in the documents' status, so nothing is lost with a broker, and the
next one is chosen when there is a hand for it, not in the order of upload.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Literal
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from chatserver.errors import ProviderError, Unavailable
from chatserver.knowledge.models import Document

__all__ = ["POISON", "Step", "attempt", "due", "postpone", "queued", "waiting"]

log = logging.getLogger(__name__)

type Step = Literal["parse", "embed"]

_STATUS: dict[Step, tuple[Document.Status, ...]] = {
    "parse": (Document.Status.QUEUED, Document.Status.PARSING),
    "embed": (Document.Status.EMBEDDING,),
}
NEXT = 16
"""Documents of a collection that are looked at; more are in other hands only where more processes work."""
BOOT = f"{socket.gethostname()}.{secrets.token_hex(4)}"
"""This worker; the processes that it forks share it."""
PROCESS_DIED = 10
"""What it costs a document when the process that had it died, though its worker lives: 3 times are too many."""
WORKER_DIED = 1
"""When the whole worker went, which may have been stopped: 30 times."""
TOO_MUCH = 30
POISON = (
    "The server's background process crashed each time it read this document, so it is not tried again. Give it in "
    "another format, or in parts."
)


def due(step: Step) -> QuerySet[Document]:
    """Documents for which this step is to be done now."""
    now = timezone.now()
    return Document.objects.filter(Q(next_try=None) | Q(next_try__lte=now), status__in=_STATUS[step])


def queued() -> bool:
    """Whether there is a document that nobody has begun to read."""
    return due("parse").filter(status=Document.Status.QUEUED).exists()


def waiting(step: Step) -> Iterator[str]:
    """Ids of documents to take up, the first one first. Some may be in other hands (`Ingester.process`: `busy`).

    A lottery: a site is drawn, then one of its collections, and there the oldest document that has cost the least. So
    ten thousand documents of one site halve the speed of another's single one, and no more.
    """
    collections: dict[UUID, list[UUID]] = {}
    for site, collection in due(step).values_list("collection__site", "collection").distinct():
        collections.setdefault(site, []).append(collection)
    for site in _shuffled(list(collections)):
        for collection in _shuffled(collections[site]):
            oldest = due(step).filter(collection=collection).order_by("attempts", "pk")
            for pk in oldest.values_list("pk", flat=True)[:NEXT]:
                yield str(pk)


def _shuffled[T](items: list[T]) -> list[T]:
    return random.sample(items, len(items))


AWAY = (OperationalError, InterfaceError)
EXPECTED = (*AWAY, Unavailable, ProviderError, SoftTimeLimitExceeded)
"""What ends an attempt without being the document's fault, or is dealt with by whoever made it."""


@contextmanager
def attempt(document: Document) -> Iterator[bool]:
    """Around the work on a document: False when it has cost too many processes already, so that it is to be given up.

    The record says who has it in work before that begins. Whoever finds another's name there knows that this one did
    not come to its end.
    """
    me = f"{BOOT}.{os.getpid()}"
    cost = document.attempts
    if document.worker and document.worker != me:
        cost += PROCESS_DIED if document.worker.rpartition(".")[0] == BOOT else WORKER_DIED
        log.warning("document %s: the process that had it is gone (%d of %d)", document.pk, cost, TOO_MUCH)
    mine = Document.objects.filter(pk=document.pk)
    mine.update(worker=me, attempts=cost)
    try:
        yield cost < TOO_MUCH
    except EXPECTED:
        with suppress(*AWAY):  # then the next attempt finds this very process's name
            mine.update(worker="")
        raise
    except Exception:
        # Our own mistake, which this document brings to light: as bad as a crash, and as bounded.
        mine.update(worker="", attempts=cost + PROCESS_DIED)
        raise
    mine.update(worker="", attempts=0, next_try=None)


def postpone(document_id: str, reason: str, wait: timedelta | None = None) -> None:
    """Say why a document waits; with `wait`, others are taken up first for so long. It has cost something then, too."""
    values: dict[str, object] = {"error": f"{reason} It will be tried again."}
    if wait is not None:
        values |= {"next_try": timezone.now() + wait, "attempts": F("attempts") + WORKER_DIED}
    Document.objects.filter(pk=document_id).update(**values)
