"""Documents as records: how one comes in, what it replaces, and how it goes. Everything here is synchronous ORM."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone

from chatserver.config import config
from chatserver.errors import NotFound, TooLarge
from chatserver.ids import uuid7
from chatserver.knowledge import progress
from chatserver.knowledge.kinds import MEDIA_TYPE
from chatserver.knowledge.models import Chunk, Collection, Document
from chatserver.rag.types import Passage
from chatserver.sites.models import Site

__all__ = [
    "COLLECTION", "PENDING", "VISIBLE", "blocks_of", "delete", "delete_if_empty", "drop_file", "file_of", "ingesting",
    "pages_of_visible", "passages", "register", "replaced_by", "requeue", "some_of", "store", "superseded",
    "the_collection", "unfinished", "visible", "with_members",
]  # fmt: skip

COLLECTION = "Documents"
"""The collection of a site for documents that name none."""
PENDING = (Document.Status.QUEUED, Document.Status.PARSING, Document.Status.FAILED)
VISIBLE = (Document.Status.EMBEDDING, Document.Status.READY)
"""Documents whose text is in the index; `PENDING` are the others."""
BLOCK = 1024 * 1024
DELETED_AT_ONCE = 500
"""Documents of a collection that goes: as many as one commit of the index names."""
MEMBERS_DEEP = 8
"""Archives within archives that go with the outermost one."""


# --- files -----------------------------------------------------------------------------------------------------------


def file_of(document: Document) -> Path:
    """An upload's path is kept relative to DATA_DIR, so that the folder may be moved."""
    return config().data / document.file


def store(chunks: Iterable[bytes]) -> tuple[str, bytes, int]:
    """Keep an upload under a name of our own: its path relative to DATA_DIR, SHA-256 and size.

    Raises `TooLarge` above UPLOAD_BYTES; nothing is left then. Memory is that of one of `chunks`.
    """
    name = f"uploads/{uuid7().hex}"
    path = config().data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("xb") as file:
            for chunk in chunks:
                if (size := size + len(chunk)) > config().upload_bytes:
                    raise TooLarge(f"A file may have {config().upload_bytes:,} bytes (UPLOAD_BYTES).")
                digest.update(chunk)
                file.write(chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return name, digest.digest(), size


def blocks_of(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def drop_file(name: str) -> None:
    """Uploads are ours to delete; a file that was ingested where it lies is not."""
    if name.startswith("uploads/"):
        (config().data / name).unlink(missing_ok=True)


# --- documents -------------------------------------------------------------------------------------------------------


def the_collection(site: Site, name: str = "") -> Collection:
    """The site's collection of that name, made when it isn't there."""
    return Collection.objects.get_or_create(site=site, name=name or COLLECTION)[0]


def register(
    collection: Collection,
    *,
    file: str,
    digest: bytes,
    size: int,
    origin: str,
    title: str = "",
    media_type: str = "",
    url: str | None = None,
    owner: str | None = None,
    parent: str | None = None,
) -> tuple[Document, bool]:
    """The collection's document with this content, and whether there is work to do for it. `owner`: a user's id;
    `parent`: the id of the archive it comes in.

    The same content again is the same document; a failed one is tried again. What was waiting under the same origin
    with other content is dropped, since nobody will ever want it; what is already searched stays until its successor
    is (`replaced_by`). Raises `NotFound` when the collection is gone.
    """
    values = {"file": file, "size": size, "origin": origin, "title": title, "media_type": media_type, "url": url}
    values["parent_id"] = parent
    if owner:
        values["owner_id"] = owner
    drop: list[str] = []
    with transaction.atomic():
        # One at a time per collection: two uploads of one origin get an order.
        if Collection.objects.select_for_update().filter(pk=collection.pk).first() is None:
            drop_file(file)
            raise NotFound("The collection is gone.")
        document = Document.objects.filter(collection=collection, content_hash=digest).first()
        if document is None:
            document = Document.objects.create(collection=collection, content_hash=digest, **values)
        elif document.status not in VISIBLE:
            if document.file != file:
                drop.append(document.file)
            Document.objects.filter(pk=document.pk).update(**values, status=Document.Status.QUEUED, error="")
        else:
            if document.file != file:
                drop.append(file)
            Document.objects.filter(pk=document.pk).update(parent=parent)
            if document.origin != origin:
                # Found under a second name: from now on it stands for that one.
                Document.objects.filter(pk=document.pk).update(origin=origin, created=timezone.now())
                document.refresh_from_db()
            if replaced_by(document):
                Document.objects.filter(pk=document.pk).update(status=Document.Status.EMBEDDING)
        if origin:
            stale = Document.objects.filter(collection=collection, origin=origin, status__in=PENDING)
            stale = stale.exclude(pk=document.pk)
            drop += stale.values_list("file", flat=True)
            # What came in an archive goes by its successor's contents (`knowledge/archives.py`).
            Document.objects.filter(parent__in=stale).update(parent=document)
            stale.delete()
        for name in drop:
            transaction.on_commit(functools.partial(drop_file, name))
    document.refresh_from_db()
    return document, document.status != Document.Status.READY


def replaced_by(document: Document) -> list[str]:
    """Ids of the documents whose place this one takes once it can be found: those given before under its origin."""
    if not document.origin:
        return []
    older = Document.objects.filter(collection=document.collection_id, origin=document.origin).exclude(pk=document.pk)
    return [str(pk) for pk in older.filter(created__lte=document.created).values_list("pk", flat=True)]


def visible() -> QuerySet[Document]:
    """Documents whose text is in the index, or is to be. Archives have none: what came in them has."""
    return Document.objects.filter(status__in=VISIBLE).exclude(media_type=MEDIA_TYPE["zip"])


def superseded() -> QuerySet[Document]:
    """Documents whose place a later one under the same origin has taken, or is about to take."""
    later = Document.objects.filter(
        collection=OuterRef("collection"),
        origin=OuterRef("origin"),
        status__in=VISIBLE,
        created__gt=OuterRef("created"),
    )
    return Document.objects.exclude(origin="").filter(Exists(later))


def requeue(document: Document) -> None:
    """A failed document is tried again from its beginning; any other goes on where it is, now."""
    document.next_try = None
    if document.status == Document.Status.FAILED:
        document.status, document.error = Document.Status.QUEUED, ""
    document.save(update_fields=["status", "error", "next_try", "updated"])


def delete(ids: Iterable[str]) -> None:
    """Remove documents and their uploads from the records; the index is the caller's."""
    documents = Document.objects.filter(pk__in=list(ids)).defer("text")
    deleted = list(documents)
    documents.delete()
    for document in deleted:
        drop_file(document.file)
        progress.announce(document, "deleted")


def with_members(document: Document) -> list[str]:
    """Its id and those of the documents that came in it, if it is an archive."""
    found = level = [document.pk]
    for _ in range(MEMBERS_DEEP):
        if not (level := list(Document.objects.filter(parent__in=level).values_list("pk", flat=True))):
            break
        found = found + level
    return [str(pk) for pk in found]


def some_of(collection: Collection) -> list[str]:
    """Ids of the next documents to delete of a collection that goes."""
    return [str(pk) for pk in collection.documents.values_list("pk", flat=True)[:DELETED_AT_ONCE]]


def delete_if_empty(collection: Collection) -> bool:
    """Delete a collection without documents; True when it is gone."""
    with transaction.atomic():
        # `register` takes the same lock: no document comes in between.
        locked = Collection.objects.select_for_update().filter(pk=collection.pk).first()
        if locked is None:
            return True
        if locked.documents.exists():
            return False
        locked.delete()
        return True


def unfinished() -> QuerySet[Document]:
    """What was begun or queued and isn't done, oldest first."""
    status = (Document.Status.QUEUED, Document.Status.PARSING, Document.Status.EMBEDDING)
    return Document.objects.filter(status__in=status).order_by("pk")


@contextmanager
def ingesting(document: str) -> Iterator[bool]:
    """Hold a document for this process; False when another one has it. A crash lets go of it, with its connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"ingest:{document}"])
        held: bool = cursor.fetchone()[0]
    try:
        yield held
    finally:
        if held and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"ingest:{document}"])


# --- passages --------------------------------------------------------------------------------------------------------


def passages(document: Document) -> list[Passage]:
    """The rows of the index for a document, in order."""
    return [_passage(document, chunk) for chunk in sorted(document.chunks.all(), key=lambda chunk: chunk.ordinal)]


def pages_of_visible(size: int = 100, *, texts: bool = True) -> Iterator[list[Document]]:
    """All documents that are in the index, or are to be, with their chunks at hand: some at a time, in order of id.
    Without `texts` only the ids of the chunks are read."""
    chunks = Chunk.objects.all() if texts else Chunk.objects.only("pk", "document")
    last: UUID | None = None
    while True:
        documents = visible().order_by("pk").defer("text").prefetch_related(Prefetch("chunks", chunks))
        page = list((documents.filter(pk__gt=last) if last else documents)[:size])
        if not page:
            return
        yield page
        last = page[-1].pk


def _passage(document: Document, chunk: Chunk) -> Passage:
    return Passage(
        chunk=str(chunk.pk),
        document=str(document.pk),
        collection=str(document.collection_id),
        title=document.title,
        text=chunk.text,
        ordinal=chunk.ordinal,
        heading=chunk.heading,
        page=chunk.page,
        url=document.url,
        start=chunk.start,
        end=chunk.end,
    )
