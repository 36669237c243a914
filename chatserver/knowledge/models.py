"""What the assistant knows: collections of documents, and the chunks they are searched by."""

from __future__ import annotations

from django.db import models

from chatserver.ids import uuid7
from chatserver.sites.models import Site, User


class Collection(models.Model):
    """Documents with one audience. `public`: also visitors of the site are answered from it; `internal`: only users;
    `restricted`: only its `readers` and who manages the site."""

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        INTERNAL = "internal"
        RESTRICTED = "restricted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=150)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PUBLIC)
    readers = models.ManyToManyField(User, related_name="+", blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="collection_name_once")]

    def __str__(self) -> str:
        return self.name


class WebSource(models.Model):
    """An address that documents are fetched from: one page, or the pages that a sitemap lists.

    `every_hours` 0: once. `next_fetch` is null when nothing is to be fetched. `look`: how far the present look at its
    pages has come (`knowledge.web.crawl`), null between two looks.
    """

    class Kind(models.TextChoices):
        PAGE = "page"
        SITEMAP = "sitemap"

    class Status(models.TextChoices):
        QUEUED = "queued"
        FETCHING = "fetching"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="web_sources")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    url = models.URLField(max_length=2000)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.PAGE)
    every_hours = models.IntegerField(default=0)
    page_limit = models.IntegerField(default=500)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True)
    done = models.IntegerField(default=0)
    total = models.IntegerField(default=0)
    fetched = models.DateTimeField(null=True)
    next_fetch = models.DateTimeField(null=True, db_index=True)
    look = models.JSONField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "url"], name="web_source_once")]

    def __str__(self) -> str:
        return self.url


class Document(models.Model):
    """A document as it was given. `origin` is its path or URL: the same origin with other content replaces it.

    `owner` hears of its progress. `parent`: the archive it came in; `source`: the address it was fetched from, with
    what its server said for the next conditional request. `worker`, `attempts` and `next_try` belong to
    `knowledge.work`: who has it in work, what it has cost so far, and when it may be taken up again.
    """

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
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="members")
    source = models.ForeignKey(WebSource, models.SET_NULL, null=True, related_name="documents")
    etag = models.CharField(max_length=500, blank=True, db_default="")
    last_modified = models.CharField(max_length=100, blank=True, db_default="")
    fetched = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True, db_default="", default="")
    attempts = models.IntegerField(db_default=0, default=0)
    next_try = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "content_hash"], name="document_content_once")]
        indexes = [
            models.Index(fields=["collection", "origin"], name="document_origin"),
            models.Index(
                fields=["status", "collection"],
                name="document_unfinished",
                condition=models.Q(status__in=["queued", "parsing", "embedding"]),
            ),
        ]

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


class EmbeddingModel(models.Model):
    """An embedder whose vectors are, or are being, made. The newest one that is `complete` serves searches.

    `name`: the embedder's own; `model` and `base_url`: the settings it was made from.
    """

    name = models.CharField(max_length=500, primary_key=True)
    model = models.CharField(max_length=1000, blank=True, db_default="", default="")
    base_url = models.CharField(max_length=2000, blank=True)
    dimensions = models.IntegerField(default=0)
    complete = models.DateTimeField(null=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class ClosedGap(models.Model):
    """A question without a good answer that somebody has dealt with: by a `document`, or by dismissing it.

    `message` is the answer that was not good; `asked_again` when it was written anew from that document.
    """

    message = models.UUIDField(primary_key=True)
    site = models.ForeignKey(Site, models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+")
    closed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    closed = models.DateTimeField(auto_now_add=True)
    asked_again = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["document"], name="closed_gap_to_ask", condition=models.Q(asked_again=None))]

    def __str__(self) -> str:
        return str(self.message)
