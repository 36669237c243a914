"""What the assistant knows: collections of documents, and the chunks they are searched by."""

from __future__ import annotations

from django.db import models

from chatserver.ids import uuid7
from chatserver.sites.models import Site


class Collection(models.Model):
    """Documents with one audience. `public`: also visitors of the site are answered from it; `internal`: only users."""

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        INTERNAL = "internal"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=150)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PUBLIC)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="collection_name_once")]

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """A document as it was given. `origin` is its path or URL: the same origin with other content replaces it."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        PARSING = "parsing"
        EMBEDDING = "embedding"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="documents")
    title = models.CharField(max_length=500, blank=True)
    origin = models.CharField(max_length=2000, blank=True)
    url = models.URLField(max_length=2000, null=True, blank=True)  # noqa: DJ001 - None on the wire
    media_type = models.CharField(max_length=150, blank=True)
    content_hash = models.BinaryField(max_length=32)
    file = models.CharField(max_length=500, blank=True)
    text = models.TextField(blank=True)
    size = models.BigIntegerField(default=0)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True)
    done = models.IntegerField(default=0)
    total = models.IntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "content_hash"], name="document_content_once")]
        indexes = [models.Index(fields=["collection", "origin"], name="document_origin")]

    def __str__(self) -> str:
        return self.title or self.origin


class Chunk(models.Model):
    """A passage to search: `start` and `end` are character offsets into `Document.text`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks")
    ordinal = models.IntegerField()
    heading = models.CharField(max_length=500, blank=True)
    page = models.IntegerField(null=True)
    text = models.TextField()
    start = models.IntegerField()
    end = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "ordinal"], name="chunk_ordinal")]

    def __str__(self) -> str:
        return self.text[:60]
