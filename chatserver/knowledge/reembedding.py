"""The embedder of the settings becomes the one that serves: all documents get its vectors, then the old ones go.

Searches use the newest complete one (`knowledge.embedding`). Here is the side that makes the vectors; synchronous ORM.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatserver.config import Config
from chatserver.knowledge import records
from chatserver.knowledge.models import Document, EmbeddingModel
from chatserver.providers.base import Embedder

__all__ = ["GRACE", "adopt", "is_newest", "retired", "settle"]

log = logging.getLogger(__name__)

FEW = 20
"""One document in so many may be refused by a model that is called complete."""

GRACE = timedelta(minutes=2)
"""Old vectors stay so long after the new ones are complete; every serving process has changed over by then."""


def adopt(embedder: Embedder, settings: Config, *, change: bool) -> None:
    """Record the embedder of the settings. Where it is not the newest one, and `change` is wanted or there is none yet,
    all documents are marked: they lack its vectors. What is known of its vectors' length is told to it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('embedding-model', 0))")
        newest = EmbeddingModel.objects.order_by("-created").first()
        if newest is None or (change and newest.name != embedder.name):
            newest = _begin(embedder)
        if newest.name != embedder.name:
            return
        newest.model, newest.base_url = settings.embed_model, settings.embed_base_url
        newest.save(update_fields=["model", "base_url"])
    if newest.dimensions and not embedder.dimensions:
        embedder.dimensions = newest.dimensions
    settle(embedder)


def _begin(embedder: Embedder) -> EmbeddingModel:
    now = timezone.now()
    values = {"dimensions": embedder.dimensions, "complete": None, "created": now}
    model, _ = EmbeddingModel.objects.update_or_create(name=embedder.name, defaults=values)
    EmbeddingModel.objects.filter(pk=model.pk).update(created=now)  # auto_now_add has its own idea on creation
    waiting = records.visible().filter(status=Document.Status.READY, total__gt=0)
    marked = waiting.update(status=Document.Status.EMBEDDING, done=0)
    log.info("embedding model %s: %d documents need its vectors", embedder.name, marked)
    return model


def is_newest(name: str) -> bool:
    """False when another embedder has taken this one's place, or is about to: then it makes no vectors any more."""
    newest = EmbeddingModel.objects.order_by("-created").values_list("name", flat=True).first()
    return newest in (None, name)


def settle(embedder: Embedder) -> None:
    """The model is complete once no document that was there before it lacks its vectors, but for a few it refuses."""
    model = EmbeddingModel.objects.filter(pk=embedder.name).first()
    if model is None:
        return
    if embedder.dimensions and not model.dimensions:
        EmbeddingModel.objects.filter(pk=model.pk).update(dimensions=embedder.dimensions)
    if model.complete:
        return
    before = records.visible().filter(created__lt=model.created)
    lacking = before.filter(status=Document.Status.EMBEDDING, total__gt=0)
    if lacking.filter(next_try=None).exists():
        return
    # A wrong name is refused for every document: such a model must not take another one's place.
    if lacking.count() * FEW > before.filter(status=Document.Status.READY).count():
        return
    if EmbeddingModel.objects.filter(pk=model.pk, complete=None).update(complete=timezone.now()):
        log.info("embedding model %s is complete", embedder.name)


def retired(grace: timedelta = GRACE) -> QuerySet[EmbeddingModel]:
    """Models whose vectors nobody needs any more: a newer one has been complete for `grace`."""
    complete = EmbeddingModel.objects.filter(complete__lte=timezone.now() - grace)
    if (newest := complete.order_by("-created").first()) is None:
        return EmbeddingModel.objects.none()
    return EmbeddingModel.objects.filter(created__lt=newest.created)
