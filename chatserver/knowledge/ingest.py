"""A document's way: parse, split, store its chunks, make them found by their words, then by their meaning.

Each step leaves the records in a state from which the next run goes on, so a crash at any point costs time only:
PostgreSQL first, then the index, then the status. Vectors are written batch by batch, and what has one is not embedded
again. Synchronous, for commands and Celery; the index and the embedder, which are asynchronous, run on a loop of the
`Ingester`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from django.db import transaction
from django.utils import timezone

from chatserver import tracing
from chatserver.config import config
from chatserver.knowledge import archives, gaps, progress, records, reembedding, work
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Chunk, Document
from chatserver.knowledge.parse import Parsed, ParseError, kind_of, parse
from chatserver.knowledge.upkeep import Upkeep
from chatserver.metrics import Counter, Histogram
from chatserver.providers.base import Embedder
from chatserver.rag.split import assemble, indexed_text, split
from chatserver.rag.types import Passage

__all__ = ["Ingester", "Outcome"]

log = logging.getLogger(__name__)

BATCH_MIN, BATCH_MAX = 32, 512
BATCH_SECONDS = 2.0
"""Each batch of vectors is one commit and one sign of progress; its size follows the embedder's speed."""
DOCUMENTS = Counter(
    "chatserver_ingest_documents_total",
    "Documents that were brought to an end, or (gone) were deleted or replaced meanwhile.",
    label="outcome",
    values=("failed", "gone", "ready"),
)
CHUNKS = Counter("chatserver_ingest_chunks_total", "Chunks made of documents.")
VECTORS = Counter("chatserver_ingest_vectors_total", "Vectors made of chunks.")
STEPS = Histogram(
    "chatserver_ingest_seconds",
    "Duration of a step of a document: reading it, writing its chunks to the index, making a batch of vectors.",
    label="step",
    values=("embed", "index", "parse"),
)
INHERITED = 500
"""Vectors that are copied at a time."""

type Outcome = Literal["ready", "embedding", "failed", "busy", "gone"]
"""`embedding`: found by its words, vectors are lacking still. `busy`: another process has the document. `gone`: it was
deleted or replaced meanwhile."""


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
        self.upkeep = Upkeep(index, self._loop.run, lambda: embedder is not None and self.embeds)
        self._batch = BATCH_MIN

    @classmethod
    def from_settings(cls, *, change: bool = False) -> Self:
        """`change`: where the settings name another embedder than before, all documents get its vectors from now on."""
        from chatserver.providers.detect import choose_embedder

        embedder = choose_embedder(config())
        if embedder is not None:
            reembedding.adopt(embedder, config(), change=change)
        return cls(LanceIndex.from_settings(config(), embedder), embedder)

    @property
    def embeds(self) -> bool:
        """Whether documents that lack vectors are this one's business: its embedder is the newest, or there is none."""
        return self._embedder is None or reembedding.is_newest(self._embedder.name)

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

    def process(self, document_id: str, *, pause: Callable[[], bool] = lambda: False) -> Outcome:
        """Make the document found, whatever had been done for it before. Safe to run twice, also at the same time.

        `pause` is asked before each batch of vectors; True leaves the rest to a later run (`embedding`). Raises
        `Unavailable` when the index is away and `ProviderError` when the embedder is; run it again then.
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
            with tracing.span("document", document=document_id) as span, work.attempt(document) as allowed:
                outcome = self._advance(document, pause) if allowed else self._give_up(document, work.POISON)
                span.set(outcome=outcome)
        if outcome != "embedding":
            DOCUMENTS.add(label=outcome)
        return outcome

    def give_up(self, document_id: str, reason: str) -> None:
        """Make a document `failed` that cannot be brought to its end."""
        if document := Document.objects.filter(pk=document_id).first():
            DOCUMENTS.add(label=self._give_up(document, reason))

    def _give_up(self, document: Document, reason: str) -> Outcome:
        _set(document, status=Document.Status.FAILED, error=reason)
        self._loop.run(self.index.remove([str(document.pk)]))
        return "failed"

    def _advance(self, document: Document, pause: Callable[[], bool]) -> Outcome:
        if archives.is_archive(document):
            with tracing.span("unpack"):
                return self._unpack(document)
        if document.status not in records.VISIBLE or not document.chunks.exists():
            try:
                with tracing.span("parse", kind=document.media_type, size=document.size), STEPS.time("parse"):
                    self._parse(document)
            except ParseError as error:
                _set(document, status=Document.Status.FAILED, error=str(error))
                return "failed"
        rows = records.passages(document)
        with tracing.span("index", chunks=len(rows)), STEPS.time("index"):
            self._publish(document, rows)
        gaps.ask_again(str(document.pk))
        if not self._embed(document, rows, pause):
            return "embedding"
        # Deleted while it was on its way: what was just added must not stay.
        if not _set(document, status=Document.Status.READY, error="", done=len(rows), total=len(rows)):
            self._loop.run(self.index.remove([str(document.pk)]))
            return "gone"
        if self._embedder is not None:
            reembedding.settle(self._embedder)
        return "ready"

    def _unpack(self, document: Document) -> Outcome:
        """The files of an archive become documents, which wait for their turn like any other."""
        _set(document, status=Document.Status.PARSING, error="")
        try:
            found = archives.unpack(document, lambda done, total: _set(document, done=done, total=total))
        except ParseError as error:
            _set(document, status=Document.Status.FAILED, error=str(error))
            return "failed"
        except OSError as error:
            _set(document, status=Document.Status.FAILED, error=f"The file cannot be read ({error.strerror}).")
            return "failed"
        self._loop.run(self.index.remove(found.gone))
        records.delete([*found.gone, *found.replaced])
        title = document.title or Path(document.origin).name[:500]
        count = found.members
        there = _set(document, status=Document.Status.READY, title=title, error=found.note, done=count, total=count)
        return "ready" if there else "gone"

    def _parse(self, document: Document) -> None:
        """File to text and chunks in one transaction."""
        _set(document, status=Document.Status.PARSING, error="")
        try:
            parsed = parse(records.file_of(document), kind_of("", document.media_type), document.origin)
        except OSError as error:
            raise ParseError(f"The file cannot be read ({error.strerror}).") from None
        title = document.title or parsed.title or Path(document.origin).stem
        _store(document, parsed, " ".join(title.split())[:500])

    def _publish(self, document: Document, rows: list[Passage]) -> None:
        """Chunks to the index, in the place of the documents this one replaces."""
        id_ = str(document.pk)
        replaced = records.replaced_by(document)
        if not replaced and self._loop.run(self.index.holds(id_)) == {row.chunk for row in rows}:
            return
        self._inherit(document, rows, replaced)
        with transaction.atomic():
            # Who deletes it meanwhile waits, and then removes what is written here.
            if Document.objects.select_for_update(of=("self",)).filter(pk=id_).only("pk").first() is None:
                return
            self._loop.run(self.index.replace([id_, *replaced], rows))
        records.delete(replaced)

    def _inherit(self, document: Document, rows: list[Passage], replaced: list[str]) -> None:
        """Passages that say what one of the replaced documents said keep its vector: embedding is what takes long."""
        if self._embedder is None or not replaced:
            return
        known: dict[str, str] = {}
        for old in Document.objects.filter(pk__in=replaced).defer("text"):
            known |= {_indexed(row): row.chunk for row in records.passages(old)}
        same = [(row.chunk, known[text]) for row in rows if (text := _indexed(row)) in known]
        for start in range(0, len(same), INHERITED):
            page = same[start : start + INHERITED]
            vectors = self._loop.run(self.index.vectors_of(dict.fromkeys(old for _, old in page)))
            self._put(document, [(new, vectors[old]) for new, old in page if old in vectors])

    def _embed(self, document: Document, rows: list[Passage], pause: Callable[[], bool]) -> bool:
        """Give a vector to each passage that has none yet; False when that was put off."""
        if self._embedder is None:
            return True
        if not self.embeds:
            return False
        id_ = str(document.pk)
        have = self._loop.run(self.index.holds(id_, vectors=True))
        if have - {row.chunk for row in rows}:  # of an earlier reading of the file
            self._loop.run(self.index.forget_vectors(id_))
            have = set()
        missing = [row for row in rows if row.chunk not in have]
        done = len(rows) - len(missing)
        while missing:
            if pause():
                return False
            batch, missing = missing[: self._batch], missing[self._batch :]
            began = time.monotonic()
            with tracing.span("embed", chunks=len(batch)), STEPS.time("embed"):
                vectors = self._loop.run(self._embedder.embed([_indexed(row) for row in batch]))
                self._put(document, zip((row.chunk for row in batch), vectors, strict=True))
            self._adapt(time.monotonic() - began)
            VECTORS.add(len(batch))
            done += len(batch)
            if not _set(document, done=done, total=len(rows)):
                break
            self.progress(document, done, len(rows))
        return True

    def _put(self, document: Document, vectors: Iterable[tuple[str, list[float]]]) -> None:
        self._loop.run(self.index.put_vectors(str(document.pk), str(document.collection_id), list(vectors)))

    def _adapt(self, seconds: float) -> None:
        wanted = self._batch * 2 if seconds < BATCH_SECONDS / 2 else self._batch // 2
        if not BATCH_SECONDS / 2 <= seconds <= BATCH_SECONDS * 2:
            self._batch = min(BATCH_MAX, max(BATCH_MIN, wanted))

    def remove(self, documents: Iterable[str]) -> None:
        """Once this returns, no search that begins finds them, and their records and uploads are gone. Raises
        `Unavailable`; it can be repeated then."""
        ids = list(documents)
        self._loop.run(self.index.remove(ids))
        records.delete(ids)
        self._loop.run(self.index.remove(ids))  # of a worker that was just writing them

    # --- all of them -------------------------------------------------------------------------------------------------

    def repair(self) -> list[str]:
        """Make the index what the records say; the ids of the documents that are not done. Pass those to `process`.

        This is what heals a crash, a lost index folder and a newly configured embedder.
        """
        for finding in self.upkeep.check(repair=True, texts=False):
            log.info("document %s: %d chunks %s", finding.where, finding.rows, finding.fault)
        return [str(document.pk) for document in records.unfinished().only("pk")]

    def rebuild(self, progress: Callable[[int], None] = lambda documents: None) -> list[str]:
        """Build the whole index again from the records. Returns what is left to `process`."""
        self.upkeep.rebuild(progress)
        return self.repair()

    def retire(self, grace: timedelta = reembedding.GRACE) -> None:
        """Drop the vectors of embedders that a newer one has taken the place of."""
        for model in reembedding.retired(grace):
            self._loop.run(self.index.drop_vectors(model.name))
            model.delete()


def _set(document: Document, **values: object) -> bool:
    """Write fields of a document; False when it is there no more."""
    for name, value in values.items():
        setattr(document, name, value)
    there = bool(Document.objects.filter(pk=document.pk).update(**values, updated=timezone.now()))
    if there:
        (progress.announce if "status" in values else progress.announce_work)(document)
    return there


def _indexed(row: Passage) -> str:
    return indexed_text(row.title, row.heading, row.text)


def _store(document: Document, parsed: Parsed, title: str) -> None:
    text, blocks = assemble(parsed.blocks)
    pieces = split(blocks, title)
    CHUNKS.add(len(pieces))
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
