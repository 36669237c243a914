"""The index kept like the records: compared, repaired, built anew, tidied. Synchronous ORM.

Both sides are read in order of the documents' ids, a page at a time, so memory does not grow with their number. What
differs is looked at once more while its document is held, since a document may change between a look here and a look
there; what then still differs is a fault. `repair` is the same with hands.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chatserver.errors import Unavailable
from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.index_rows import among, between, digest
from chatserver.knowledge.models import Document, EmbeddingModel

__all__ = ["Fault", "Finding", "Upkeep"]

UNINDEXED_ROWS = 500
"""So many passages a search reads one by one in about 10 ms."""
FRAGMENTS = 100
"""Each write adds a file to the chunks or to the vectors; so many are joined."""
OLD_VERSIONS = 50
"""Each write also adds a version of a table, with what only that one holds."""
REBUILD, TIDY = "index: rebuild", "index: tidy"
"""Of which one process at a time takes care."""

type _Ledger = dict[str, list[tuple[str, bytes]]]
"""Chunks and digests by document."""


class Fault(StrEnum):
    MISSING = "missing in the index"
    DIFFERENT = "different in the index"
    DOUBLED = "doubled in the index"
    UNKNOWN = "without a record"
    NO_VECTOR = "without a vector"
    STRAY_VECTOR = "vector without a chunk"
    LEFTOVER = "leftover table"


@dataclass(frozen=True)
class Finding:
    """`where`: a document's id, or a table's name; `rows`: how many chunks (or tables) it is about."""

    fault: Fault
    where: str
    rows: int


class Upkeep:
    """`run` runs a coroutine on the loop of the index; `embeds`: whether each chunk is to have a vector."""

    def __init__(
        self, index: LanceIndex, run: Callable[[Coroutine[Any, Any, Any]], Any], embeds: Callable[[], bool]
    ) -> None:
        self._index = index
        self._run = run
        self._embeds = embeds

    # --- comparing ---------------------------------------------------------------------------------------------------

    def check(
        self,
        *,
        repair: bool = False,
        texts: bool = True,
        building: bool = False,
        progress: Callable[[int], None] = lambda documents: None,
    ) -> Iterator[Finding]:
        """What is not in the index as the records say; `repair` puts it right, or leaves it to the next `process`.

        Without `texts` only ids are compared, which takes seconds where all else takes minutes. `building`: of the
        table that a rebuild makes. Raises `Unavailable`.
        """
        embeds = self._embeds() and not building
        last = None
        for page in itertools.chain(records.pages_of_visible(texts=texts), [[]]):
            until = str(page[-1].pk) if page else None
            where = between("document", last, until)
            rows = self._ledger(where, building=building)
            vectors = self._ledger(where, vectors=True) if embeds else {}
            expected = {str(document.pk): document for document in page}
            for id_ in sorted({*expected, *rows, *vectors}):
                document = expected.get(id_)
                if document is None or self._compare(
                    document, rows.get(id_, []), vectors.get(id_, []), embeds, texts=texts
                ):
                    yield from self._look(id_, repair, building, embeds)
            last = until
            progress(len(page))

    def leftovers(self, *, repair: bool = False) -> Iterator[Finding]:
        """Tables that nothing reads any more."""
        with records.ingesting(REBUILD) as free:
            embedders = [*EmbeddingModel.objects.values_list("name", flat=True)]
            names = self._run(self._index.leftovers(embedders, building=not free))
            if repair and names:
                self._run(self._index.drop_leftovers(names))
        for name in names:
            yield Finding(Fault.LEFTOVER, name, 1)

    def _look(self, id_: str, repair: bool, building: bool, embeds: bool) -> list[Finding]:
        """Look at one document while nobody else works on it."""
        with records.ingesting(id_) as held:
            if not held:
                return []  # whoever has it brings it in order
            document = Document.objects.filter(pk=id_).defer("text").first()
            if records.superseded().filter(pk=id_).exists():
                return []  # its successor takes its place
            where = among("document", [id_])
            rows = self._ledger(where, building=building).get(id_, [])
            vectors = self._ledger(where, vectors=True).get(id_, []) if embeds else []
            found = self._compare(document, rows, vectors, embeds, where=id_)
            if repair and found:
                self._put_right(id_, document, {finding.fault for finding in found})
            return found

    def _compare(
        self,
        document: Document | None,
        rows: list[tuple[str, bytes]],
        vectors: list[tuple[str, bytes]],
        embeds: bool,
        *,
        texts: bool = True,
        where: str = "",
    ) -> list[Finding]:
        if document is not None and _under_way(document, bool(rows)):
            return []
        wanted = _wanted(document, texts)
        have = Counter(chunk for chunk, _ in rows)
        vectored = Counter(chunk for chunk, _ in vectors)
        ready = document is not None and document.status == Document.Status.READY
        faults = {
            Fault.MISSING: len(wanted.keys() - have.keys()),
            Fault.DIFFERENT: sum(chunk in wanted and wanted[chunk] != said for chunk, said in rows) if texts else 0,
            Fault.DOUBLED: sum(count > 1 for count in have.values()),
            Fault.UNKNOWN: len(have.keys() - wanted.keys()),
            Fault.NO_VECTOR: len(wanted.keys() - vectored.keys()) if ready and embeds else 0,
            Fault.STRAY_VECTOR: len(vectored.keys() - wanted.keys()) + sum(count > 1 for count in vectored.values()),
        }
        return [Finding(fault, where, count) for fault, count in faults.items() if count]

    def _put_right(self, id_: str, document: Document | None, faults: set[Fault]) -> None:
        if Fault.STRAY_VECTOR in faults:
            self._run(self._index.forget_vectors(id_))
        if faults & {Fault.STRAY_VECTOR, Fault.NO_VECTOR}:
            ready = Document.objects.filter(pk=id_, status=Document.Status.READY)
            ready.update(status=Document.Status.EMBEDDING, done=0)
        if not faults & {Fault.MISSING, Fault.DIFFERENT, Fault.DOUBLED, Fault.UNKNOWN}:
            return
        passages = records.passages(document) if document and document.status in records.VISIBLE else []
        if Fault.DOUBLED in faults or not passages:
            self._run(self._index.remove_chunks(id_))
        self._run(self._index.replace([id_], passages))
        if not Document.objects.filter(pk=id_).exists():
            self._run(self._index.remove([id_]))  # deleted at this moment

    def _ledger(self, where: str, *, vectors: bool = False, building: bool = False) -> _Ledger:
        found: _Ledger = defaultdict(list)
        for chunk, document, said in self._run(self._index.ledger(where, vectors=vectors, building=building)):
            found[document].append((chunk, said))
        return found

    # --- all of it anew ----------------------------------------------------------------------------------------------

    def rebuild(self, progress: Callable[[int], None] = lambda documents: None) -> None:
        """Build the chunks' table again from the records, beside the one that serves, and let it serve when it is
        complete. What is written meanwhile is written to both. After a crash the next run begins anew."""
        with records.ingesting(REBUILD) as held:
            if not held:
                raise Unavailable("The index is being rebuilt by another process; wait for its end.")
            self._run(self._index.begin_rebuild())
            for page in records.pages_of_visible():
                self._run(
                    self._index.fill_rebuild([row for each in self._shown(page) for row in records.passages(each)])
                )
                progress(len(page))
            self._run(self._index.index_rebuild())
            for _ in self.check(repair=True, building=True):
                pass  # what was changed between reading and writing it
            self._run(self._index.finish_rebuild())

    def _shown(self, page: list[Document]) -> Iterator[Document]:
        superseded = {*records.superseded().filter(pk__in=[each.pk for each in page]).values_list("pk", flat=True)}
        for document in page:
            # Its successor may be found already, or not yet: what searches see now, they see afterwards.
            if document.pk not in superseded or self._run(self._index.holds(str(document.pk))):
                yield document

    def tidy(self, *, always: bool = False, thorough: bool = False) -> None:
        """Optimise the index when searches have become slower by what was added. `thorough`: also when disk space
        can be given back, which takes longer to find out."""
        index = self._index
        if (
            always
            or self._run(index.unindexed()) > UNINDEXED_ROWS
            or self._run(index.fragments()) > FRAGMENTS
            or (thorough and self._run(index.old_versions()) > OLD_VERSIONS)
        ):
            with records.ingesting(TIDY) as held:
                if held:
                    self._run(index.optimize())


def _under_way(document: Document, found: bool) -> bool:
    """Whether the next step of the document's way settles what is found of it."""
    if document.status == Document.Status.EMBEDDING:
        return not found
    return document.status in (Document.Status.QUEUED, Document.Status.PARSING)


def _wanted(document: Document | None, texts: bool) -> dict[str, bytes]:
    """The chunks that are to be found, with their digests."""
    if document is None or document.status not in records.VISIBLE:
        return {}
    if not texts:
        return {str(chunk.pk): b"" for chunk in document.chunks.all()}
    return {passage.chunk: digest(passage) for passage in records.passages(document)}
