"""What a row of the index is: columns, indexes over them, filters. A row's content never changes: what is written
again is a new row, in the same commit in which the old one goes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from chatserver.keywords import indexed_terms
from chatserver.knowledge.index_library import arrow, lancedb
from chatserver.rag.split import indexed_text
from chatserver.rag.types import Passage

__all__ = [
    "CHUNKS", "among", "between", "build_indexes", "chunks_schema", "decode", "digest", "partition", "rows",
    "vector_rows", "vector_table", "vectors_schema",
]  # fmt: skip

CHUNKS = "chunks_3"
"""The table of chunks. Its number goes up when the columns or `indexed_terms` change; the old one is then not read."""
PARTITIONED_ROWS = 20_000
"""Below this, comparing with every vector is exact and takes milliseconds."""

_encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Passage).decode


def chunks_schema() -> Any:
    """What is filtered by, what is searched, and the passage as one value: a search reads each column on its own.
    `digest` tells whether the row is still what the records say."""
    pa = arrow()
    ids = [(column, pa.utf8()) for column in ("chunk", "document", "collection")]
    return pa.schema([*ids, ("digest", pa.binary(16)), ("passage", pa.binary()), ("lex", pa.utf8())])


def vectors_schema(dimensions: int) -> Any:
    pa = arrow()
    ids = [(column, pa.utf8()) for column in ("chunk", "document", "collection")]
    return pa.schema([*ids, ("vector", pa.list_(pa.float32(), dimensions))])


def rows(passages: Sequence[Passage]) -> Any:
    columns: dict[str, list[Any]] = {
        "chunk": [passage.chunk for passage in passages],
        "document": [passage.document for passage in passages],
        "collection": [passage.collection for passage in passages],
        "digest": [digest(passage) for passage in passages],
        "passage": [_encode(passage) for passage in passages],
        "lex": [" ".join(indexed_terms(indexed_text(p.title, p.heading, p.text))) for p in passages],
    }
    return arrow().table(columns, schema=chunks_schema())


def vector_rows(document: str, collection: str, vectors: Sequence[tuple[str, Sequence[float]]]) -> Any:
    columns = {
        "chunk": [chunk for chunk, _ in vectors],
        "document": [document] * len(vectors),
        "collection": [collection] * len(vectors),
        "vector": [list(vector) for _, vector in vectors],
    }
    return arrow().table(columns, schema=vectors_schema(len(vectors[0][1])))


def digest(passage: Passage) -> bytes:
    """16 bytes that differ when anything of a passage does."""
    return hashlib.blake2b(_encode(passage), digest_size=16).digest()


def among(column: str, ids: Iterable[str]) -> str:
    """A filter; what is no UUID never gets into one. Raises `ValueError`."""
    return f"{column} IN ({', '.join(f"'{UUID(each)}'" for each in ids)})"


def between(column: str, first: str | None, last: str | None) -> str:
    """A filter for ids above `first` up to `last`; None is no limit."""
    above = f"{column} > '{UUID(first)}'" if first else "true"
    return f"{above} AND {column} <= '{UUID(last)}'" if last else above


def vector_table(embedder: str) -> str:
    # The name of a model may hold anything, the name of a table may not.
    return f"vectors_{hashlib.sha256(embedder.encode()).hexdigest()[:16]}"


async def build_indexes(table: Any) -> None:
    index = lancedb("index")
    await table.create_index("collection", config=index.Bitmap())
    await table.create_index("document", config=index.BTree())
    await table.create_index("chunk", config=index.BTree())
    if "lex" in (await table.schema()).names:
        # It also tells how rows that are not in it yet are cut, so it is there before the first of them.
        lex = {"base_tokenizer": "whitespace", "lower_case": False, "ascii_folding": False, "max_token_length": None}
        await table.create_index("lex", config=index.FTS(stem=False, remove_stop_words=False, **lex))


async def partition(table: Any) -> None:
    """Give a table of many vectors an index: about the square root of all rows as partitions, within which they are
    compared without loss."""
    count = await table.count_rows()
    if count >= PARTITIONED_ROWS and all(each.columns != ["vector"] for each in await table.list_indices()):
        config = lancedb("index").IvfFlat(distance_type="cosine", num_partitions=math.isqrt(count))
        await table.create_index("vector", config=config)
