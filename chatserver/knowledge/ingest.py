"""A document's way: parse, split, store its chunks, make them found by their words, then by their meaning.

Each step leaves the records in a state from which the next run goes on, so a crash at any point costs time only:
PostgreSQL first, then the index, then the status. Synchronous, for commands and Celery; the index and the embedder,
which are asynchronous, run on a loop of the `Ingester`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from django.db import connections, transaction
from django.utils import timezone

from chatserver.config import config
from chatserver.errors import ProviderError
from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Chunk, Document
from chatserver.knowledge.parse import Parsed, ParseError, kind_of, parse
from chatserver.providers.base import Embedder
from chatserver.rag.split import assemble, indexed_text, split
from chatserver.rag.types import Passage

__all__ = ["Ingester", "Outcome"]

log = logging.getLogger(__name__)

EMBED_BATCH = 32
EMBED_ATTEMPTS = 3
UNINDEXED_ROWS = 500
"""So many passages a search reads one by one in about 10 ms."""

type Outcome = Literal["ready", "failed", "busy", "gone"]
"""`busy`: another process has the document. `gone`: it was deleted or replaced meanwhile."""


class Ingester:
    """Brings documents from the records into the index. One per process; not for use on an event loop.

    `progress(document, done, total)` is called as vectors are made; it may be replaced at any time.
    """

    def __init__(
        self,
        index: LanceIndex,
        embedder: Embedder | None = None,
        progress: Callable[[Document, int, int], None] = lambda document, done, total: None,
    ) -> None:
        self.index = index
        self._embedder = embedder
        self.progress = progress
        self._loop = asyncio.Runner()

    @classmethod
    def from_settings(cls) -> Self:
        from chatserver.providers.detect import choose_embedder

        embedder = choose_embedder(config())
        return cls(LanceIndex(config().index, embedder), embedder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._embedder is not None:
            self._loop.run(self._embedder.aclose())
        self._loop.close()

    # --- one document ------------------------------------------------------------------------------------------------

    def process(self, document_id: str) -> Outcome:
        """Make the document found, whatever had been done for it before. Safe to run twice, also at the same time.

        Raises `Unavailable` when the index is away and `ProviderError` when the embedder is; run it again then.
        """
        with records.ingesting(document_id) as held:
            if not held:
                return "busy"
            document = Document.objects.filter(pk=document_id).first()
            if document is None:
                self._loop.run(self.index.remove([document_id]))
                return "gone"
            if document.status == Document.Status.FAILED:
                return "failed"
            if document.status == Document.Status.READY:
                return "ready"
            if document.status not in records.VISIBLE or not document.chunks.exists():
                try:
                    self._parse(document)
                except ParseError as error:
                    _set(document, status=Document.Status.FAILED, error=str(error))
                    return "failed"
            return self._publish(document)

    def _parse(self, document: Document) -> None:
        """File to text and chunks in one transaction."""
        _set(document, status=Document.Status.PARSING, error="")
        try:
            parsed = parse(records.file_of(document), kind_of("", document.media_type))
        except OSError as error:
            raise ParseError(f"The file cannot be read ({error.strerror}).") from None
        title = document.title or parsed.title or Path(document.origin).stem
        _store(document, parsed, " ".join(title.split())[:500])

    def _publish(self, document: Document) -> Outcome:
        """Chunks to the index, in the place of the documents this one replaces; then the vectors."""
        replaced = records.replaced_by(document)
        rows = records.passages(document)
        self._loop.run(self.index.replace([str(document.pk), *replaced], rows))
        records.delete(replaced)
        self._embed(document, rows)
        # Deleted while it was on its way: what was just added must not stay.
        if not _set(document, status=Document.Status.READY, error="", done=len(rows), total=len(rows)):
            self._loop.run(self.index.remove([str(document.pk)]))
            return "gone"
        return "ready"

    def _embed(self, document: Document, rows: list[Passage]) -> None:
        if self._embedder is None:
            return
        vectors: list[tuple[str, list[float]]] = []
        for batch in itertools.batched(rows, EMBED_BATCH, strict=False):
            texts = [indexed_text(row.title, row.heading, row.text) for row in batch]
            found = self._loop.run(_vectors(self._embedder, texts))
            vectors += zip((row.chunk for row in batch), found, strict=True)
            if not _set(document, done=len(vectors), total=len(rows)):
                return
            self.progress(document, len(vectors), len(rows))
        self._loop.run(self.index.put_vectors(str(document.pk), str(document.collection_id), vectors))

    # --- all of them -------------------------------------------------------------------------------------------------

    def repair(self) -> list[str]:
        """Compare the index with the records: remove what has no record; the ids of what isn't in it as it should be.

        Pass those to `process`. This is what heals a crash, a lost index folder and a newly configured embedder.
        """
        expected = Document.objects.filter(status__in=records.VISIBLE).difference(records.superseded())
        visible = {str(pk) for pk in expected.values_list("pk", flat=True)}
        indexed = self._loop.run(self.index.documents())
        if orphans := indexed.keys() - visible:
            # One may have come in between the two looks.
            known = {str(pk) for pk in Document.objects.filter(pk__in=orphans).values_list("pk", flat=True)}
            self._loop.run(self.index.remove(sorted(orphans - known)))
        lacking = visible - indexed.keys()
        if self._embedder is not None:
            lacking |= visible - self._loop.run(self.index.documents(vectors=True)).keys()
        Document.objects.filter(pk__in=lacking).update(status=Document.Status.EMBEDDING, done=0)
        return [str(document.pk) for document in records.unfinished().only("pk")]

    def rebuild(self, progress: Callable[[int], None] = lambda documents: None) -> list[str]:
        """Build the whole index again from the records; readers change over at once when it is complete.

        Returns what is left to `process`: vectors, and documents that came in meanwhile.
        """

        # LanceDB pulls from whichever thread it likes; Django's connections belong to one.
        with ThreadPoolExecutor(1, thread_name_prefix="rebuild") as reader:
            pages = records.passages_of_all()

            def batches() -> Iterator[list[Passage]]:
                done = 0
                while (rows := reader.submit(next, pages, None).result()) is not None:
                    yield rows
                    progress(done := done + 1)

            try:
                self._loop.run(self.index.rebuild(batches()))
            finally:
                reader.submit(connections.close_all).result()
        return self.repair()

    def tidy(self, *, always: bool = False) -> None:
        """Optimise the index when searches have become slower by what was added."""
        if always or self._loop.run(self.index.unindexed()) > UNINDEXED_ROWS:
            self._loop.run(self.index.optimize())


def _set(document: Document, **values: object) -> bool:
    """Write fields of a document; False when it is there no more."""
    for name, value in values.items():
        setattr(document, name, value)
    return bool(Document.objects.filter(pk=document.pk).update(**values, updated=timezone.now()))


def _store(document: Document, parsed: Parsed, title: str) -> None:
    text, blocks = assemble(parsed.blocks)
    pieces = split(blocks, title)
    with transaction.atomic():
        if not _set(
            document, title=title, text=text, status=Document.Status.EMBEDDING, error="", done=0, total=len(pieces)
        ):
            raise ParseError("The document was deleted while it was read.")
        document.chunks.all().delete()
        Chunk.objects.bulk_create(
            (
                Chunk(
                    document=document,
                    ordinal=ordinal,
                    heading=piece.heading[:500],
                    page=piece.page,
                    text=piece.text,
                    start=piece.start,
                    end=piece.end,
                )
                for ordinal, piece in enumerate(pieces)
            ),
            batch_size=1000,
        )


async def _vectors(embedder: Embedder, texts: list[str]) -> list[list[float]]:
    for attempt in range(1, EMBED_ATTEMPTS + 1):
        try:
            return await embedder.embed(texts)
        except ProviderError as error:
            if attempt == EMBED_ATTEMPTS or error.kind in ("auth", "refused"):  # which no waiting changes
                raise
            log.info("embedding: %s; attempt %d", error.kind, attempt)
            await asyncio.sleep(min(30.0, error.retry_after or 2.0**attempt))
    raise AssertionError
