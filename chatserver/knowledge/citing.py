"""From a source that an answer cites back to its document: the passage where it stands, and the original file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path, PurePath

import asyncpg
from msgspec import Struct

from chatserver.config import config
from chatserver.database import Pool, translated
from chatserver.errors import Forbidden, NotFound
from chatserver.knowledge.parse import EXTENSIONS, MEDIA_TYPE
from chatserver.protocol.frames import Source
from chatserver.rag.context import CONTEXT_CHARS, Excerpted, around, landmarks, locate

__all__ = ["Cited", "Original", "cited", "original"]

GONE = "The document that this answer cites is no longer there."
CHUNKS = 200
"""Looked through for a quotation, of those that hold a landmark of it."""
MARGIN = 50
"""Read beyond the context, so that the cut knows whether the document goes on."""

_DOCUMENT = """SELECT id, title, url, file, media_type, origin, collection_id = ANY($2::uuid[]) AS open
  FROM knowledge_document WHERE id = $1::uuid"""
_CHUNKS = f"""SELECT text, start, concat_ws(', ', 'p. ' || page, nullif(heading, '')) = $3 AS said FROM knowledge_chunk
  WHERE document_id = $1::uuid AND EXISTS (SELECT 1 FROM unnest($2::text[]) l WHERE position(l IN text) > 0)
  ORDER BY said DESC, ordinal LIMIT {CHUNKS}"""


class Cited(Struct, frozen=True, kw_only=True):
    """`before` and `after` are empty when the passage is not found in the document any more; then it is the quote."""

    document: str
    title: str
    url: str | None
    where: str
    before: str
    passage: str
    after: str
    has_file: bool


class Original(Struct, frozen=True, kw_only=True):
    """The file as it was given, under a name for people."""

    path: Path
    name: str
    media_type: str
    size: int


async def cited(pool: Pool, source: Source, collections: Sequence[str]) -> Cited:
    """The cited passage in its context. Raises `NotFound` when the document is gone, `Forbidden` when it is in none of
    `collections`, `Unavailable`.
    """
    async with translated():
        document = await _document(pool, source, collections)
        found = await _named(pool, source) or await _looked_for(pool, source) or Excerpted("", source.quote, "")
    return Cited(
        document=source.document,
        title=document["title"] or source.title,
        url=document["url"],
        where=source.where,
        before=found.before,
        passage=found.passage,
        after=found.after,
        has_file=await asyncio.to_thread(_size, document) is not None,
    )


async def original(pool: Pool, source: Source, collections: Sequence[str]) -> Original:
    """The document's file. Raises what `cited` raises."""
    async with translated():
        document = await _document(pool, source, collections)
    if (size := await asyncio.to_thread(_size, document)) is None:
        raise NotFound("The file of this document is no longer there.")
    return Original(path=_path(document), name=_name(document), media_type=document["media_type"], size=size)


async def _document(pool: Pool, source: Source, collections: Sequence[str]) -> asyncpg.Record:
    row = await pool.fetchrow(_DOCUMENT, source.document, list(collections))
    if row is None:
        raise NotFound(GONE)
    if not row["open"]:
        raise Forbidden("This document is not open to you.")
    return row


async def _named(pool: Pool, source: Source) -> Excerpted | None:
    """The place that the source names; None where it names none, or the document was read differently since."""
    if not source.end:
        return None
    found = await _at(pool, source.document, source.start, source.end)
    return found if locate(found.passage, source.quote) is not None else None


async def _looked_for(pool: Pool, source: Source) -> Excerpted | None:
    chunks = await pool.fetch(_CHUNKS, source.document, landmarks(source.quote), source.where)
    span = await asyncio.to_thread(_place, chunks, source.quote)
    return await _at(pool, source.document, *span) if span is not None else None


async def _at(pool: Pool, document: str, start: int, end: int) -> Excerpted:
    first = max(0, start - CONTEXT_CHARS - MARGIN)
    text = await pool.fetchval(
        "SELECT substr(text, $2, $3) FROM knowledge_document WHERE id = $1::uuid",
        *(document, first + 1, end + CONTEXT_CHARS + MARGIN - first),
    )
    return around(text or "", start - first, end - first)


def _place(chunks: Sequence[asyncpg.Record], quote: str) -> tuple[int, int] | None:
    """The quotation's offsets in the document, preferring the chunks that the source names."""
    for chunk in chunks:
        if (span := locate(chunk["text"], quote)) is not None:
            return chunk["start"] + span[0], chunk["start"] + span[1]
    return None


def _path(document: asyncpg.Record) -> Path:
    """As `records.file_of`."""
    return config().data / str(document["file"])


def _size(document: asyncpg.Record) -> int | None:
    """Of the file; None when there is none."""
    path = _path(document)
    return path.stat().st_size if path.is_file() else None


def _name(document: asyncpg.Record) -> str:
    """The name it was given under, if it had one; else the title with the ending of its type."""
    given = PurePath(document["origin"]).name
    if PurePath(given).suffix.lower() in EXTENSIONS:
        return given
    kind = next((kind for kind, name in MEDIA_TYPE.items() if name == document["media_type"]), "text")
    return f"{document['title'] or 'document'}{next(ending for ending, of in EXTENSIONS.items() if of == kind)}"
