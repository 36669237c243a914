"""Finds the passages that a question is answered from: both legs at once, fused, without doubles."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from chatserver.errors import ProviderError
from chatserver.keywords import subject
from chatserver.providers.base import Embedder
from chatserver.rag.fuse import distinct, fuse
from chatserver.rag.types import Index, Passage
from chatserver.text import cjk_share

__all__ = ["Retriever"]

log = logging.getLogger(__name__)

DEPTH = 50
"""Passages asked of each leg."""
QUERY_CHARS = 2000
"""A longer query is searched by its beginning; embedding endpoints refuse what exceeds their context."""
CJK_SHARE = 0.3
"""Of a query's letters: above it, the vectors of a model that knows only English are noise."""
EMBED_SECONDS = 5.0
"""An embedding that takes longer comes too late to be worth waiting for."""
LOG_SECONDS = 60.0


class Retriever:
    """`embedder` None: lexical search alone. Safe to share between tasks of one event loop."""

    def __init__(self, index: Index, embedder: Embedder | None = None) -> None:
        self._index = index
        self._embedder = embedder
        self._failures = 0
        self._logged = float("-inf")

    async def retrieve(self, query: str, collections: Sequence[str], k: int) -> list[Passage]:
        """The best `k` passages of `collections`, best first; none where no collection is given.

        An embedder that fails costs the dense leg, not the answer. Raises what the index raises (`Unavailable`).
        """
        query = query.strip()[:QUERY_CHARS]
        if not query or not collections or k < 1:
            return []
        found = await asyncio.gather(
            self._index.lexical(subject(query) or query, collections, DEPTH),
            self._dense(query, collections),
            return_exceptions=True,
        )
        # Raised only after both have ended: neither is left running without an owner.
        lexical, dense = (_value(leg) for leg in found)
        return distinct(fuse(lexical or (), dense), k)

    async def _dense(self, query: str, collections: Sequence[str]) -> list[Passage] | None:
        """None where this leg has no say."""
        embedder = self._embedder
        if embedder is None or (not embedder.multilingual and cjk_share(query) > CJK_SHARE):
            return None
        try:
            async with asyncio.timeout(EMBED_SECONDS):
                vectors = await embedder.embed([query], query=True)
        except (ProviderError, TimeoutError) as error:
            self._failed(error)
            return None
        # A table without vectors (they are still being made) must not halve the lexical scores.
        return await self._index.dense(vectors[0], collections, DEPTH) or None

    def _failed(self, error: Exception) -> None:
        """Say that words alone decide, at most once a minute: each question of a busy site would say it again."""
        self._failures += 1
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            reason = str(error) or f"no vector within {EMBED_SECONDS:g} s"
            log.warning("embedding of %d queries failed, searched by words alone: %s", self._failures, reason)
            self._failures, self._logged = 0, now


def _value[T](outcome: T | BaseException) -> T:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
