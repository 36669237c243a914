"""The search index in LanceDB: what `rag.types.Index` promises, and the writes that keep it like the records.

PostgreSQL is the truth: everything here can be built again from it (`manage.py reindex`). One table holds a row per
chunk; a second one, of each embedder, holds their vectors. A vector is found only through its chunk's row, so a chunk
that was removed is found by neither leg whatever became of its vector. Each write is one commit: readers of every
process see all of it or nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from chatserver.errors import Unavailable
from chatserver.providers.base import Embedder, Vector
from chatserver.rag.split import indexed_text
from chatserver.rag.types import Passage
from chatserver.text import terms

__all__ = ["CHUNKS", "LanceIndex", "load_library"]

log = logging.getLogger(__name__)

CHUNKS = "chunks_2"
"""The table of chunks. The number goes up when its columns or `terms` change; the old table is then not read."""
QUERY_TERMS = 256
"""A longer question is searched by its first terms."""
RESULTS = 200
ATTEMPTS = 6
"""Writers of several processes may collide; Lance lets one of them win and tells the others to try again."""
KEPT_VERSIONS = timedelta(minutes=10)
"""Longer than any reader looks at one version of a table."""
PARTITIONED_ROWS = 20_000
"""Below this, comparing with every vector is exact and takes milliseconds."""
PROBES = 32
"""Of about the square root of all rows as partitions; their vectors are compared without loss."""

type _Rows = list[dict[str, Any]]
_NOTHING: _Rows = []

# What LanceDB raises is not a tree of its own (lancedb/exceptions.py).
_ERRORS = (OSError, RuntimeError, ValueError)


class LanceIndex:
    """Implements `rag.types.Index`. Belongs to one event loop; LanceDB is imported in a thread when first needed.

    `uri`: a folder or an `s3://` URL. `embedder`: whose vectors are compared; without one `dense` finds nothing.
    Every method raises `Unavailable` when the index can't be read or written; a table that isn't there holds nothing.
    """

    def __init__(self, uri: str, embedder: Embedder | None = None) -> None:
        self._uri = uri
        self._vectors = _vector_table(embedder.name) if embedder else ""
        self._connecting: asyncio.Task[Any] | None = None
        self._tables: dict[str, Any] = {}

    # --- search ------------------------------------------------------------------------------------------------------

    async def lexical(self, query: str, collections: Sequence[str], k: int) -> list[Passage]:
        words = list(dict.fromkeys(terms(query)))[:QUERY_TERMS]
        if not words or not collections:
            return []

        allowed = _among("collection", collections)

        async def search(table: Any) -> _Rows:
            match = _lancedb("query").MatchQuery(" ".join(words), "lex")
            found = table.query().nearest_to_text(match).where(allowed).select(["passage", "_score"])
            return await found.limit(min(k, RESULTS)).to_list()  # type: ignore[no-any-return]

        rows = await self._read(CHUNKS, search, _NOTHING)
        passages = [replace(_decode(row["passage"]), lexical=row["_score"]) for row in rows]
        return sorted(passages, key=lambda passage: -(passage.lexical or 0.0))

    async def dense(self, vector: Sequence[float], collections: Sequence[str], k: int) -> list[Passage]:
        """A `Vector` is compared with those of its own embedder, any other with those of this index's."""
        vectors = _vector_table(vector.embedder) if isinstance(vector, Vector) else self._vectors
        if not vectors or not collections:
            return []

        allowed = _among("collection", collections)

        async def nearest(table: Any) -> _Rows:
            found = table.query().nearest_to(list(vector)).distance_type("cosine").nprobes(PROBES)
            found = found.where(allowed).select(["chunk", "_distance"])
            return await found.limit(min(k, RESULTS)).to_list()  # type: ignore[no-any-return]

        cosines = {row["chunk"]: 1.0 - row["_distance"] for row in await self._read(vectors, nearest, _NOTHING)}
        if not cosines:
            return []
        those = f"{_among('chunk', cosines)} AND {allowed}"

        async def chunks(table: Any) -> _Rows:
            return await table.query().where(those).select(["passage"]).limit(RESULTS).to_list()  # type: ignore[no-any-return]

        found = [_decode(row["passage"]) for row in await self._read(CHUNKS, chunks, _NOTHING)]
        passages = [replace(passage, dense=cosines[passage.chunk]) for passage in found]
        return sorted(passages, key=lambda passage: -(passage.dense or 0.0))

    # --- writes ------------------------------------------------------------------------------------------------------

    async def add(self, passages: Sequence[Passage]) -> None:
        """Append rows that are not there yet; they are found from now on. `replace` also takes those that are."""
        if passages:
            data = await asyncio.to_thread(_rows, passages)
            await self._write(CHUNKS, lambda table: table.add(data), create=data.schema)

    async def replace(self, documents: Iterable[str], passages: Sequence[Passage]) -> None:
        """Make `passages` the only rows of `documents` in one commit: no reader ever finds both, or neither."""
        documents = set(documents)
        if passages:
            data, old = await asyncio.to_thread(_rows, passages), _among("document", documents)
            await self._write(CHUNKS, lambda table: _merge(table, old).execute(data), create=data.schema)
        await self.remove(documents - {passage.document for passage in passages})

    async def put_vectors(self, document: str, collection: str, vectors: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Add `vectors` (chunk id and vector) to those of a document, in one commit. Its chunks are found without."""
        if not self._vectors or not vectors:
            return
        columns = {
            "chunk": [chunk for chunk, _ in vectors],
            "document": [document] * len(vectors),
            "collection": [collection] * len(vectors),
            "vector": [list(vector) for _, vector in vectors],
        }
        schema = await asyncio.to_thread(_vectors_schema, len(vectors[0][1]))
        data = await asyncio.to_thread(lambda: _arrow().table(columns, schema=schema))
        await self._write(self._vectors, lambda table: _upsert(table).execute(data), create=schema)

    async def vectors_of(self, chunks: Iterable[str]) -> dict[str, list[float]]:
        """The vectors of those of `chunks` that have one."""
        if not self._vectors or not (chunks := list(chunks)):
            return {}

        async def read(table: Any) -> _Rows:
            query = table.query().where(_among("chunk", chunks)).select(["chunk", "vector"])
            return await query.limit(len(chunks)).to_list()  # type: ignore[no-any-return]

        return {row["chunk"]: row["vector"] for row in await self._read(self._vectors, read, _NOTHING)}

    async def forget_vectors(self, document: str) -> None:
        """Remove a document's vectors; it is still found by its words."""
        if self._vectors:
            await self._write(self._vectors, lambda table: table.delete(_among("document", [document])))

    async def drop_vectors(self, embedder: str) -> None:
        """Remove all vectors of the embedder of that name."""
        name = _vector_table(embedder)
        if await self._table(name) is None:
            return
        connection = await self._connect()
        async with _translated():
            await connection.drop_table(name, ignore_missing=True)
        self._tables.pop(name, None)

    async def remove(self, documents: Iterable[str]) -> None:
        """Once this returns, no search that begins finds them."""
        if not (documents := list(documents)):
            return
        where = _among("document", documents)
        for name in filter(None, (CHUNKS, self._vectors)):  # the chunks first: they alone make a vector visible
            await self._write(name, lambda table: table.delete(where))

    async def rebuild(self, batches: Iterable[Sequence[Passage]]) -> None:
        """Put the passages of `batches` in place of all rows.

        The iterable is read in another thread. Readers find the old rows until the last one is written, then the new
        ones; until their index is built, a second or so, each search reads all of them.
        """
        lance = await self._connect()
        schema = _chunks_schema()
        reader = _arrow().RecordBatchReader.from_batches(
            schema, (batch for passages in batches for batch in _rows(passages).to_batches())
        )
        async with _translated():
            table = await lance.create_table(CHUNKS, data=reader, schema=schema, mode="overwrite")
            await self._build_indexes(table)
        self._tables[CHUNKS] = table

    async def clear(self) -> None:
        """Remove every row and all vectors of this embedder."""
        for name in filter(None, (CHUNKS, self._vectors)):
            await self._write(name, lambda table: table.delete("true"))

    async def optimize(self) -> None:
        """Bring new rows into the indexes and give disk space back. Writers and readers go on meanwhile."""
        for name in filter(None, (CHUNKS, self._vectors)):
            await self._write(name, lambda table: table.optimize(cleanup_older_than=KEPT_VERSIONS))
        if self._vectors:
            await self._write(self._vectors, self._partition_vectors)

    # --- state -------------------------------------------------------------------------------------------------------

    async def warm(self) -> None:
        """Import, connect and load the index, so that the first question doesn't wait for it."""
        await self._read(CHUNKS, lambda table: table.prewarm_index("lex_idx"), None)
        await self.lexical("warm", [str(UUID(int=0))], 1)

    async def count(self) -> int:
        """How many chunks there are."""
        return await self._read(CHUNKS, lambda table: table.count_rows(), 0)

    async def unindexed(self) -> int:
        """How many chunks each search still reads one by one: when they are many, `optimize`."""
        stats = await self._read(CHUNKS, lambda table: table.index_stats("lex_idx"), None)
        return stats.num_unindexed_rows if stats else 0

    async def documents(self, *, vectors: bool = False) -> dict[str, int]:
        """The ids of all documents that have rows (or vectors) here, with how many."""

        async def counts(table: Any) -> _Rows:
            data = await table.query().select(["document"]).to_arrow()
            return await asyncio.to_thread(lambda: data["document"].value_counts().to_pylist())

        name = self._vectors if vectors else CHUNKS
        return {row["values"]: row["counts"] for row in await self._read(name, counts, _NOTHING)} if name else {}

    async def holds(self, document: str, *, vectors: bool = False) -> set[str]:
        """The ids of a document's chunks that have rows (or vectors) here."""
        where = _among("document", [document])

        async def present(table: Any) -> _Rows:
            return await table.query().where(where).select(["chunk"]).to_list()  # type: ignore[no-any-return]

        name = self._vectors if vectors else CHUNKS
        return {row["chunk"] for row in await self._read(name, present, _NOTHING)} if name else set()

    # --- LanceDB -----------------------------------------------------------------------------------------------------

    async def _connect(self) -> Any:
        if self._connecting is None or (self._connecting.done() and self._connecting.exception()):
            self._connecting = asyncio.create_task(self._open(), name="index: connect")
        async with _translated():
            # Shared by all who wait: one cancelled search must not take the import from the others.
            return await asyncio.shield(self._connecting)

    async def _open(self) -> Any:
        lancedb = await asyncio.to_thread(load_library)
        # On a disk a look at the newest version costs well under a millisecond, on object storage a request.
        interval = timedelta(seconds=1) if "://" in self._uri else timedelta(0)
        return await lancedb.connect_async(self._uri, read_consistency_interval=interval)

    async def _table(self, name: str) -> Any | None:
        connection = await self._connect()
        if (table := self._tables.get(name)) is None:
            try:
                table = self._tables[name] = await connection.open_table(name)
            except ValueError as error:
                if "not found" in str(error):
                    return None
                raise
        return table

    async def _read[T](self, name: str, query: Callable[[Any], Awaitable[T]], missing: T) -> T:
        """What `query` gives for the table, or `missing` where there is no such table."""
        for last in (False, True):
            try:
                table = await self._table(name)
                return missing if table is None else await query(table)
            except _ERRORS as error:
                # A handle of a table that was deleted or rebuilt in its place: open it once more.
                self._tables.pop(name, None)
                if last:
                    raise _unavailable(error) from error
        raise AssertionError

    async def _write(self, name: str, write: Callable[[Any], Awaitable[Any]], *, create: Any = None) -> None:
        """`create`: the schema of the table that is made when there is none; without it there is nothing to write."""
        for attempt in range(ATTEMPTS):
            try:
                table = await self._table(name)
                if table is None and create is not None:
                    table = await self._create(name, create)
                if table is not None:
                    await write(table)
                return
            except _ERRORS as error:
                self._tables.pop(name, None)
                if attempt == ATTEMPTS - 1:
                    raise _unavailable(error) from error
                await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter

    async def _create(self, name: str, schema: Any) -> Any:
        connection = await self._connect()
        table = await connection.create_table(name, schema=schema, exist_ok=True)
        await self._build_indexes(table)
        self._tables[name] = table
        return table

    async def _build_indexes(self, table: Any) -> None:
        index = _lancedb("index")
        await table.create_index("collection", config=index.Bitmap())
        await table.create_index("document", config=index.BTree())
        if table.name != CHUNKS:
            return
        await table.create_index("chunk", config=index.BTree())
        # It also tells how rows that are not in it yet are cut, so it is there before the first of them.
        lex = {"base_tokenizer": "whitespace", "lower_case": False, "ascii_folding": False, "max_token_length": None}
        await table.create_index("lex", config=index.FTS(stem=False, remove_stop_words=False, **lex))

    async def _partition_vectors(self, table: Any) -> None:
        rows = await table.count_rows()
        if rows >= PARTITIONED_ROWS and all(each.columns != ["vector"] for each in await table.list_indices()):
            config = _lancedb("index").IvfFlat(distance_type="cosine", num_partitions=math.isqrt(rows))
            await table.create_index("vector", config=config)


# --- rows ------------------------------------------------------------------------------------------------------------

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Passage).decode


def _chunks_schema() -> Any:
    """What is filtered by, what is searched, and the passage as one value: a search reads each column on its own."""
    arrow = _arrow()
    ids = [(column, arrow.utf8()) for column in ("chunk", "document", "collection")]
    return arrow.schema([*ids, ("passage", arrow.binary()), ("lex", arrow.utf8())])


def _vectors_schema(dimensions: int) -> Any:
    arrow = _arrow()
    ids = [(column, arrow.utf8()) for column in ("chunk", "document", "collection")]
    return arrow.schema([*ids, ("vector", arrow.list_(arrow.float32(), dimensions))])


def _rows(passages: Sequence[Passage]) -> Any:
    columns: dict[str, list[Any]] = {
        "chunk": [passage.chunk for passage in passages],
        "document": [passage.document for passage in passages],
        "collection": [passage.collection for passage in passages],
        "passage": [_encode(passage) for passage in passages],
        "lex": [" ".join(terms(indexed_text(p.title, p.heading, p.text))) for p in passages],
    }
    return _arrow().table(columns, schema=_chunks_schema())


def _upsert(table: Any) -> Any:
    return table.merge_insert("chunk").when_matched_update_all().when_not_matched_insert_all()


def _merge(table: Any, old: str) -> Any:
    return _upsert(table).when_not_matched_by_source_delete(old)


def _among(column: str, ids: Iterable[str]) -> str:
    """A filter; what is no UUID never gets into one. Raises `ValueError`."""
    return f"{column} IN ({', '.join(f"'{UUID(each)}'" for each in ids)})"


def _vector_table(embedder: str) -> str:
    # The name of a model may hold anything, the name of a table may not.
    return f"vectors_{hashlib.sha256(embedder.encode()).hexdigest()[:16]}"


# --- the library -----------------------------------------------------------------------------------------------------


def load_library() -> Any:
    """Import LanceDB: 100 MB and more than a second of CPU. Call it in a thread, and before there are sockets: while
    modules are loaded, other threads hardly run."""
    for name in ("lancedb.index", "lancedb.query"):
        importlib.import_module(name)
    return importlib.import_module("lancedb")


def _lancedb(module: str) -> Any:
    return importlib.import_module(f"lancedb.{module}")


def _arrow() -> Any:
    return importlib.import_module("pyarrow")


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> Unavailable:
    log.warning("search index: %s", str(error).partition("\n")[0][:500])
    return Unavailable("The search index cannot be reached just now; try again.")
