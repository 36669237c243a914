"""A search in the index as it was at one moment.

A call of LanceDB costs more than a millisecond whatever it does, and each column that it reads as much again. So a leg
asks for addresses and scores alone; what lies at an address is remembered (`index_cache`) and mostly known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from msgspec.structs import replace

from chatserver.keywords import query_terms
from chatserver.knowledge.index_library import ERRORS, lancedb, unavailable
from chatserver.knowledge.index_nearest import collect
from chatserver.knowledge.index_rows import CHUNKS, among, decode, vector_table
from chatserver.knowledge.index_tables import Pinned, Tables
from chatserver.providers.base import Vector
from chatserver.rag.types import Passage

__all__ = ["View"]

QUERY_TERMS = 256
"""A longer question is searched by its first terms."""
RESULTS = 200
WARM_ROWS = 500
"""Remembered at a time; then other tasks have their turn."""
FILTERED_SEARCHES = 100
"""After so many, a search without a filter is tried again."""
_NOTHING: dict[str, float] = {}


class View:
    """Implements `rag.types.Index` over one version of the chunks."""

    def __init__(self, tables: Tables, chunks: Pinned | None, vectors: str) -> None:
        self._tables = tables
        self._chunks = chunks
        self._vectors = vectors

    async def snapshot(self) -> View:
        return self

    async def lexical(
        self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        weights = query_terms(query)
        # A term that is named twice counts twice.
        words = [term for term in islice(weights, QUERY_TERMS) for _ in range(weights[term])]
        if not words or not collections:
            return []
        allowed = _allowed(collections, documents)
        match = lancedb("query").MatchQuery(" ".join(words), "lex")

        async def best(chunks: Pinned, filter_: str) -> list[Passage]:
            query = chunks.table.query().nearest_to_text(match)
            query = (query.where(filter_) if filter_ else query).select(["_score"]).with_row_id()
            found = await collect(query.limit(min(k, RESULTS)))
            scores = dict(zip(found["_rowid"].to_pylist(), found["_score"].to_pylist(), strict=True))
            passages = await _passages(chunks, scores)
            return [replace(passage, lexical=scores[row]) for row, passage in passages.items()]

        async def search(chunks: Pinned) -> list[Passage]:
            if documents:
                return await best(chunks, allowed)
            return await _within(chunks, collections, allowed, lambda filter_: best(chunks, filter_))

        passages = await self._search(search)
        return sorted(passages, key=lambda passage: -(passage.lexical or 0.0))

    async def dense(
        self, vector: Sequence[float], collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        name = vector_table(vector.embedder) if isinstance(vector, Vector) else self._vectors
        if not name or not collections:
            return []

        allowed = _allowed(collections, documents)

        async def nearest(vectors: Pinned, filter_: str) -> dict[str, float]:
            distances = await vectors.nearest.find(vector, filter_, min(k, RESULTS))
            chunks = await _chunks(vectors, distances)
            return {chunk: 1.0 - distances[row] for row, chunk in chunks.items()}

        async def best(chunks: Pinned, filter_: str) -> list[Passage]:
            cosines = await self._tables.read(name, lambda vectors: nearest(vectors, filter_), _NOTHING)
            passages = await _passages(chunks, await _places(chunks, cosines))
            return [replace(each, dense=cosines[each.chunk]) for each in passages.values()]

        async def search(chunks: Pinned) -> list[Passage]:
            if documents:
                return await best(chunks, allowed)
            return await _within(chunks, collections, allowed, lambda filter_: best(chunks, filter_))

        passages = await self._search(search)
        return sorted(passages, key=lambda passage: -(passage.dense or 0.0))

    async def warm(self) -> None:
        """Read ahead what fits into memory: a process that has just started would else read row by row for minutes."""

        async def passages(chunks: Pinned) -> None:
            memory = chunks.memory
            async for batch in await _batches(chunks, ["chunk", "passage", "_rowid"]):
                columns = (batch[name].to_pylist() for name in ("chunk", "passage", "_rowid"))
                for chunk, passage, row in zip(*columns, strict=True):
                    memory.passages.put(row, passage)
                    memory.places.put(chunk, (chunks.version, row))
                if memory.passages.full:
                    return

        async def chunks(vectors: Pinned) -> None:
            async for batch in await _batches(vectors, ["chunk", "_rowid"]):
                for chunk, row in zip(batch["chunk"].to_pylist(), batch["_rowid"].to_pylist(), strict=True):
                    vectors.memory.chunks.put(row, chunk)
                if vectors.memory.chunks.full:
                    return

        await self._tables.read(CHUNKS, passages, None)
        if self._vectors:
            await self._tables.read(self._vectors, chunks, None)

    async def _search(self, search: Callable[[Pinned], Awaitable[list[Passage]]]) -> list[Passage]:
        try:
            return await search(self._chunks) if self._chunks else []
        except ERRORS:
            # The table was deleted under this view, after a rebuild for instance.
            self._tables.forget()
            self._chunks = await self._tables.read(CHUNKS, _itself, None)
        try:
            return await search(self._chunks) if self._chunks else []
        except ERRORS as error:
            raise unavailable(error) from error


def _allowed(collections: Sequence[str], documents: Sequence[str]) -> str:
    allowed = among("collection", collections)
    return f"{allowed} AND {among('document', documents)}" if documents else allowed


async def _within(
    chunks: Pinned, collections: Sequence[str], allowed: str, best: Callable[[str], Awaitable[list[Passage]]]
) -> list[Passage]:
    """The best passages of these collections; `best` takes a filter, such as `allowed`.

    A filter costs as much as the search itself, and often it changes nothing: one site has nearly all documents. So a
    search that was not filtered is good enough when nothing else was among the best. Who once met others' passages
    there filters for a while.
    """
    those, narrow = frozenset(collections), chunks.memory.narrow
    if not (filtered := narrow.get(those) or 0):
        found = await best("")
        if all(passage.collection in those for passage in found):
            return found
        filtered = FILTERED_SEARCHES
    narrow.put(those, filtered - 1)
    # A chunk may have moved to another collection since its vector was made.
    return [passage for passage in await best(allowed) if passage.collection in those]


async def _itself(pinned: Pinned) -> Pinned | None:
    return pinned


async def _passages(chunks: Pinned, addresses: Iterable[int]) -> dict[int, Passage]:
    """What lies at those addresses."""
    memory = chunks.memory
    known = {row: memory.passages.get(row) for row in addresses}
    if missing := [row for row, passage in known.items() if passage is None]:
        table = await collect(chunks.table.take_row_ids(missing).select(["passage", "_rowid"]))
        for row, passage in zip(table["_rowid"].to_pylist(), table["passage"].to_pylist(), strict=True):
            memory.passages.put(row, passage)
            known[row] = passage
    found = {row: decode(passage) for row, passage in known.items() if passage is not None}
    for row, passage in found.items():
        if memory.places.get(passage.chunk) != (place := (chunks.version, row)):
            memory.places.put(passage.chunk, place)
    return found


async def _chunks(vectors: Pinned, addresses: Iterable[int]) -> dict[int, str]:
    """The chunks whose vectors lie at those addresses."""
    known = {row: vectors.memory.chunks.get(row) for row in addresses}
    if missing := [row for row, chunk in known.items() if chunk is None]:
        table = await collect(vectors.table.take_row_ids(missing).select(["chunk", "_rowid"]))
        for row, chunk in zip(table["_rowid"].to_pylist(), table["chunk"].to_pylist(), strict=True):
            vectors.memory.chunks.put(row, chunk)
            known[row] = chunk
    return {row: chunk for row, chunk in known.items() if chunk is not None}


async def _places(chunks: Pinned, ids: Iterable[str]) -> list[int]:
    """The addresses of those of the chunks that are there, in this version."""
    rows: list[int] = []
    unknown: list[str] = []
    for chunk in ids:
        version, row = chunks.memory.places.get(chunk) or (0, 0)
        if version == chunks.version:
            rows.append(row)
        else:
            unknown.append(chunk)
    if unknown:
        query = chunks.table.query().where(among("chunk", unknown)).select(["_rowid"])
        rows += (await collect(query.limit(RESULTS)))["_rowid"].to_pylist()
    return rows


async def _batches(pinned: Pinned, columns: list[str]) -> Any:
    return await pinned.table.query().select(columns).to_batches(max_batch_length=WARM_ROWS)
