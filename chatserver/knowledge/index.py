"""The search index in LanceDB: what `rag.types.Index` promises, and the writes that keep it like the records.

PostgreSQL is the truth: everything here can be built again from it (`manage.py reindex`). One table holds a row per
chunk; a second one, of each embedder, holds their vectors. A vector is found only through its chunk's row, so a chunk
that was removed is found by neither leg whatever became of its vector. Each write is one commit: readers of every
process see all of it or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from chatserver.config import Config
from chatserver.ids import uuid7
from chatserver.knowledge.index_library import load_library
from chatserver.knowledge.index_lock import one_writer
from chatserver.knowledge.index_rows import (
    CHUNKS,
    among,
    chunks_schema,
    partition,
    rows,
    vector_rows,
    vector_table,
)
from chatserver.knowledge.index_tables import SERVING, Pinned, Roles, Tables
from chatserver.knowledge.index_view import View
from chatserver.providers.base import Embedder
from chatserver.rag.types import Passage

__all__ = ["CHUNKS", "LanceIndex", "load_library"]

KEPT_VERSIONS = timedelta(minutes=10)
"""Longer than any reader looks at one version of a table."""

type _Rows = list[dict[str, Any]]
_NOTHING: _Rows = []


class LanceIndex:
    """Implements `rag.types.Index`. Belongs to one event loop; LanceDB is imported in a thread when first needed.

    `uri`: a folder or an `s3://` URL; `storage`: what LanceDB needs to know of the latter; `writing` is held around
    each write. `embedder`: whose vectors are compared; without one `dense` finds nothing. Every method raises
    `Unavailable` when the index can't be read or written; a table that isn't there holds nothing.
    """

    def __init__(
        self,
        uri: str,
        embedder: Embedder | None = None,
        storage: Mapping[str, str] | None = None,
        writing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self._tables = Tables(uri, storage or {}, writing)
        self._vectors = vector_table(embedder.name) if embedder else ""

    @classmethod
    def from_settings(cls, settings: Config, embedder: Embedder | None = None) -> LanceIndex:
        on_disk = "://" not in settings.index
        writing = nullcontext if on_disk else partial(one_writer, settings.database_url)
        return cls(settings.index, embedder, settings.index_storage, writing)

    # --- search ------------------------------------------------------------------------------------------------------

    async def snapshot(self) -> View:
        """The index as it is now. What both legs of a search find in it belongs together."""
        return View(self._tables, await self._tables.read(CHUNKS, _itself, None), self._vectors)

    async def lexical(
        self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        return await (await self.snapshot()).lexical(query, collections, k, documents)

    async def dense(
        self, vector: Sequence[float], collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        """A `Vector` is compared with those of its own embedder, any other with those of this index's."""
        return await (await self.snapshot()).dense(vector, collections, k, documents)

    # --- writes ------------------------------------------------------------------------------------------------------

    async def add(self, passages: Sequence[Passage]) -> None:
        """Append rows that are not there yet; they are found from now on. `replace` also takes those that are."""
        if passages:
            data = await asyncio.to_thread(rows, passages)
            await self._tables.write(CHUNKS, lambda table: table.add(data), create=data.schema)

    async def replace(self, documents: Iterable[str], passages: Sequence[Passage]) -> None:
        """Make `passages` the only rows of `documents` in one commit: no reader ever finds both, or neither."""
        documents = set(documents)
        if passages:
            data, old = await asyncio.to_thread(rows, passages), among("document", documents)
            await self._tables.write(CHUNKS, lambda table: _merge(table, old).execute(data), create=data.schema)
        await self.remove(documents - {passage.document for passage in passages})

    async def put_vectors(self, document: str, collection: str, vectors: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Add `vectors` (chunk id and vector) to those of a document, in one commit. Its chunks are found without."""
        if not self._vectors or not vectors:
            return
        data = await asyncio.to_thread(vector_rows, document, collection, vectors)
        await self._tables.write(self._vectors, lambda table: _upsert(table).execute(data), create=data.schema)

    async def forget_vectors(self, document: str) -> None:
        """Remove a document's vectors; it is still found by its words."""
        if self._vectors:
            await self._tables.write(self._vectors, lambda table: table.delete(among("document", [document])))

    async def drop_vectors(self, embedder: str) -> None:
        """Remove all vectors of the embedder of that name."""
        await self._tables.drop(vector_table(embedder))

    async def remove_chunks(self, document: str) -> None:
        """Remove a document's chunks; its vectors stay, and are not found without them."""
        await self._tables.write(CHUNKS, lambda table: table.delete(among("document", [document])))

    async def remove(self, documents: Iterable[str]) -> None:
        """Once this returns, no search that begins finds them."""
        if not (documents := list(documents)):
            return
        where = among("document", documents)
        for name in filter(None, (CHUNKS, self._vectors)):  # the chunks first: they alone make a vector visible
            await self._tables.write(name, lambda table: table.delete(where))

    # --- maintenance, of which one process at a time takes care (`knowledge.upkeep`) ---------------------------------

    async def optimize(self) -> None:
        """Bring new rows into the indexes and give disk space back. Writers and readers go on meanwhile."""
        for name in filter(None, (CHUNKS, self._vectors)):
            await self._tables.write(name, lambda table: table.optimize(cleanup_older_than=KEPT_VERSIONS))
        if self._vectors:
            await self._tables.write(self._vectors, partition)

    async def begin_rebuild(self) -> None:
        """Make a table of chunks beside the one that serves. From now on writes go to both; one that was begun before
        is dropped."""
        roles = await self._tables.roles(now=True)
        building = f"{CHUNKS}_{uuid7().hex}"
        await self._tables.create(building, chunks_schema())
        await self._tables.appoint(Roles(roles.serving, {CHUNKS: building}))
        for abandoned in roles.building.values():
            await self._tables.drop(abandoned)

    async def fill_rebuild(self, passages: Sequence[Passage]) -> None:
        """Make `passages` the only rows of their documents in the table that is being built."""
        name = (await self._tables.roles(now=True)).building.get(CHUNKS)
        if name and passages:
            data = await asyncio.to_thread(rows, passages)
            old = among("document", {passage.document for passage in passages})
            await self._tables.write_to(name, lambda table: _merge(table, old).execute(data))

    async def finish_rebuild(self) -> None:
        """Let the table that was built serve: searches that begin from now on read it. The one before it goes."""
        roles = await self._tables.roles(now=True)
        if CHUNKS not in roles.building:
            return
        await self._tables.appoint(Roles({**roles.serving, CHUNKS: roles.building[CHUNKS]}))
        await self._tables.drop(roles.table(CHUNKS))

    async def index_rebuild(self) -> None:
        """Bring all rows of the table that is being built into its indexes."""
        if name := (await self._tables.roles(now=True)).building.get(CHUNKS):
            await self._tables.write_to(name, lambda table: table.optimize(cleanup_older_than=KEPT_VERSIONS))

    async def leftovers(self, embedders: Iterable[str], *, building: bool) -> list[str]:
        """Tables that nothing reads: of earlier versions, of embedders that are not among `embedders`, and, unless one
        is under way (`building`), of a rebuild that never ended."""
        roles = await self._tables.roles(now=True)
        used = {SERVING, roles.table(CHUNKS), *(vector_table(each) for each in embedders)}
        if building:
            used |= {*roles.building.values()}
        return sorted(set(await self._tables.names()) - used)

    async def drop_leftovers(self, names: Iterable[str]) -> None:
        roles = await self._tables.roles(now=True)
        if set(names) & set(roles.building.values()):
            await self._tables.appoint(Roles(roles.serving))  # nobody writes to it from now on
        for name in names:
            await self._tables.drop(name)

    # --- state -------------------------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Import, connect and load the index, so that the first question doesn't wait for it."""
        await self._tables.read(CHUNKS, lambda pinned: pinned.table.prewarm_index("lex_idx"), None)
        view = await self.snapshot()
        await view.warm()
        await view.lexical("warm", [str(UUID(int=0))], 1)

    async def count(self) -> int:
        """How many chunks there are."""
        return await self._tables.read(CHUNKS, lambda pinned: pinned.table.count_rows(), 0)

    async def unindexed(self) -> int:
        """How many chunks each search still reads one by one: when they are many, `optimize`."""
        stats = await self._tables.read(CHUNKS, lambda pinned: pinned.table.index_stats("lex_idx"), None)
        return stats.num_unindexed_rows if stats else 0

    async def fragments(self) -> int:
        """Of how many files the chunks and the vectors are made up: each write adds one, `optimize` joins them."""
        tables = filter(None, (CHUNKS, self._vectors))
        stats = [await self._tables.read(name, lambda pinned: pinned.table.stats(), None) for name in tables]
        return sum(each["fragment_stats"]["num_fragments"] for each in stats if each)

    async def old_versions(self) -> int:
        """How many versions there are that nobody reads any more: `optimize` removes them. Reads a file of each."""
        before = datetime.now() - KEPT_VERSIONS
        found = 0
        for name in filter(None, (CHUNKS, self._vectors)):
            versions: _Rows = await self._tables.read(name, lambda pinned: pinned.table.list_versions(), _NOTHING)
            found += sum(each["timestamp"] < before for each in versions)
        return found

    async def documents(self, *, vectors: bool = False) -> dict[str, int]:
        """The ids of all documents that have rows (or vectors) here, with how many."""

        async def counts(pinned: Pinned) -> _Rows:
            data = await pinned.table.query().select(["document"]).to_arrow()
            return await asyncio.to_thread(lambda: data["document"].value_counts().to_pylist())

        name = self._vectors if vectors else CHUNKS
        return {row["values"]: row["counts"] for row in await self._tables.read(name, counts, _NOTHING)} if name else {}

    async def holds(self, document: str, *, vectors: bool = False) -> set[str]:
        """The ids of a document's chunks that have rows (or vectors) here."""
        found = await self.ledger(among("document", [document]), vectors=vectors)
        return {chunk for chunk, *_ in found}

    async def embedded(self, document: str, embedder: str) -> set[str]:
        """The ids of a document's chunks that have a vector of the embedder with this name."""
        where = among("document", [document])

        async def read(pinned: Pinned) -> set[str]:
            data = await pinned.table.query().where(where).select(["chunk"]).to_arrow()
            return set(data["chunk"].to_pylist())

        return await self._tables.read(vector_table(embedder), read, set())

    async def ledger(
        self, where: str, *, vectors: bool = False, building: bool = False
    ) -> list[tuple[str, str, bytes]]:
        """Chunk, document and digest of the rows that a filter lets through; a vector has no digest. `building`: of the
        table that a rebuild makes."""
        columns = ["chunk", "document", *([] if vectors else ["digest"])]

        async def read(pinned: Pinned) -> list[tuple[str, str, bytes]]:
            data = await pinned.table.query().where(where).select(columns).to_arrow()
            lists = [data[column].to_pylist() for column in columns]
            return list(zip(*lists, *([[b""] * data.num_rows] if vectors else []), strict=True))

        name = self._vectors if vectors else CHUNKS
        if building:
            name = (await self._tables.roles()).building.get(CHUNKS, "")
        return await self._tables.read(name, read, []) if name else []

    async def vectors_of(self, chunks: Iterable[str]) -> dict[str, list[float]]:
        """The vectors of those of `chunks` that have one."""
        if not self._vectors or not (chunks := list(chunks)):
            return {}

        async def read(pinned: Pinned) -> _Rows:
            query = pinned.table.query().where(among("chunk", chunks)).select(["chunk", "vector"])
            return await query.limit(len(chunks)).to_list()  # type: ignore[no-any-return]

        return {row["chunk"]: row["vector"] for row in await self._tables.read(self._vectors, read, _NOTHING)}


async def _itself(pinned: Pinned) -> Pinned | None:
    return pinned


def _upsert(table: Any) -> Any:
    return table.merge_insert("chunk").when_matched_update_all().when_not_matched_insert_all()


def _merge(table: Any, old: str) -> Any:
    return _upsert(table).when_not_matched_by_source_delete(old)
