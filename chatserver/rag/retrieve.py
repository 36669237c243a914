"""Finds the passages that a question is answered from: both legs at once, fused, reranked, without doubles."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from chatserver import tracing
from chatserver.errors import ProviderError
from chatserver.metrics import Counter, Histogram
from chatserver.providers.base import Embedder, Reranker
from chatserver.rag.fuse import distinct, fuse
from chatserver.rag.split import indexed_text
from chatserver.rag.types import Index, Passage
from chatserver.text import cjk_share

__all__ = ["Retrieved", "Retriever"]

log = logging.getLogger(__name__)

DEPTH = 30
"""Passages asked of each leg."""
QUERY_CHARS = 2000
"""A longer query is searched by its beginning; embedding endpoints refuse what exceeds their context."""
CJK_SHARE = 0.3
"""Of a query's letters: above it, the vectors of a model that knows only English are noise."""
EMBED_SECONDS = 5.0
"""An embedding that takes longer comes too late to be worth waiting for."""
LOG_SECONDS = 60.0
RERANKED = 30
"""Passages that a reranker reads: it takes its time for each."""
RERANK_SECONDS = 5.0

SECONDS = Histogram(
    "chatserver_retrieval_seconds",
    "Duration of a search (all) and of its stages; before it, of having the question rewritten (rewrite).",
    label="stage",
    values=("all", "dense", "embed", "lexical", "rerank", "rewrite"),
)
FAILED = Counter(
    "chatserver_retrieval_failures_total",
    "Stages that failed, so that a search went without them.",
    label="stage",
    values=("embed", "rerank"),
)

type DenseLeg = Literal["used", "off", "gated", "failed"]


class Retrieved(Struct, frozen=True):
    """`dense`: what became of the leg that compares meaning. `off`: there is no embedder, or nothing has a vector yet;
    `gated`: the question is in a language that the embedder doesn't know; `failed`: the embedder did."""

    passages: list[Passage]
    dense: DenseLeg


class Retriever:
    """`embedder` None: words alone; `reranker` None: the fused order stays. Safe to share between tasks of one loop."""

    def __init__(self, index: Index, embedder: Embedder | None = None, reranker: Reranker | None = None) -> None:
        self._index = index
        self._embedder = embedder
        self._reranker = reranker
        self._embedding = _Complaint("embedding of %d queries failed, searched by words alone: %s")
        self._reranking = _Complaint("reranking for %d queries failed, left as they were found: %s")

    async def retrieve(
        self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        """The passages alone of `search`."""
        return (await self.search(query, collections, k, documents)).passages

    async def search(self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()) -> Retrieved:
        """The best `k` passages of `collections`, best first; none where no collection is given. `documents`: only of
        these.

        An embedder or a reranker that fails costs its part, not the answer. Raises what the index raises
        (`Unavailable`).
        """
        query = query.strip()[:QUERY_CHARS]
        if not query or not collections or k < 1:
            return Retrieved([], "off")
        with SECONDS.time("all"):
            return await self._search(query, collections, k, documents)

    async def _search(self, query: str, collections: Sequence[str], k: int, documents: Sequence[str]) -> Retrieved:
        # Both legs look at one moment: a document that is just being replaced is found in one form.
        index = await self._index.snapshot()
        found = await asyncio.gather(
            tracing.within("lexical", _lexical(index, query, collections, documents)),
            self._dense(index, query, collections, documents),
            return_exceptions=True,
        )
        # Raised only after both have ended: neither is left running without an owner.
        lexical, (dense, state) = _value(found[0]), _value(found[1])
        ranked = await self._reranked(query, fuse(lexical, dense, depth=DEPTH))
        return Retrieved(distinct(ranked, k), state)

    async def _dense(
        self, index: Index, query: str, collections: Sequence[str], documents: Sequence[str]
    ) -> tuple[list[Passage] | None, DenseLeg]:
        """None where this leg has no say."""
        embedder = self._embedder
        if embedder is None:
            return None, "off"
        if not embedder.multilingual and cjk_share(query) > CJK_SHARE:
            return None, "gated"
        try:
            with SECONDS.time("embed"):
                async with asyncio.timeout(EMBED_SECONDS):
                    vectors = await tracing.within("embed", embedder.embed([query], query=True))
        except (ProviderError, TimeoutError) as error:
            FAILED.add(label="embed")
            self._embedding.say(str(error) or f"no vector within {EMBED_SECONDS:g} s")
            return None, "failed"
        # A table without vectors (they are still being made) must not halve the lexical scores.
        with SECONDS.time("dense"):
            found = await tracing.within("dense", index.dense(vectors[0], collections, DEPTH, documents))
        return (found, "used") if found else (None, "off")

    async def _reranked(self, query: str, ranked: list[Passage]) -> list[Passage]:
        """The first of `ranked` in the reranker's order. Their `score`s stay as they are."""
        if self._reranker is None or len(ranked) < 2:
            return ranked
        read, rest = ranked[:RERANKED], ranked[RERANKED:]
        try:
            with SECONDS.time("rerank"):
                async with asyncio.timeout(RERANK_SECONDS):
                    texts = [indexed_text(each.title, each.heading, each.text) for each in read]
                    scores = await tracing.within("rerank", self._reranker.rank(query, texts))
        except (ProviderError, TimeoutError) as error:
            FAILED.add(label="rerank")
            self._reranking.say(str(error) or f"no answer within {RERANK_SECONDS:g} s")
            return ranked
        order = sorted(range(len(read)), key=lambda n: -scores[n])
        return [read[n] for n in order] + rest

    async def alike(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """The cosine of each two texts; None where nothing can tell, as an embedder of English about Chinese."""
        embedder = self._embedder
        if embedder is None:
            return [None] * len(pairs)
        known = [pair for pair in pairs if embedder.multilingual or max(map(cjk_share, pair)) <= CJK_SHARE]
        if not known:
            return [None] * len(pairs)
        try:
            async with asyncio.timeout(EMBED_SECONDS):
                vectors = await embedder.embed([text for pair in known for text in pair])
        except (ProviderError, TimeoutError) as error:
            self._embedding.say(str(error) or f"no vector within {EMBED_SECONDS:g} s")
            return [None] * len(pairs)
        cosines = {
            pair: sum(a * b for a, b in zip(vectors[2 * n], vectors[2 * n + 1], strict=True))
            for n, pair in enumerate(known)
        }
        return [cosines.get(pair) for pair in pairs]


async def _lexical(index: Index, query: str, collections: Sequence[str], documents: Sequence[str]) -> list[Passage]:
    with SECONDS.time("lexical"):
        return await index.lexical(query, collections, DEPTH, documents)


class _Complaint:
    """Says in the log that a part failed, at most once a minute: each question of a busy site would say it again."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._failures = 0
        self._logged = float("-inf")

    def say(self, reason: str) -> None:
        self._failures += 1
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            log.warning(self._message, self._failures, reason)
            self._failures, self._logged = 0, now


def _value[T](outcome: T | BaseException) -> T:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
