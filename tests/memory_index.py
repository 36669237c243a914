"""An index that lives in memory: BM25 and cosine over a few thousand passages, for tests of what searches.

It cuts text by `indexed_terms` like the real index, so what is measured with it holds there. A search is O(postings of
the query's terms); nothing is ever evicted.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from chatserver.keywords import indexed_terms, query_terms
from chatserver.rag.split import indexed_text
from chatserver.rag.types import Passage

__all__ = ["MemoryIndex"]

K1 = 1.2
B = 0.75


class MemoryIndex:
    """Implements `rag.types.Index`. Passages are added once and never change."""

    def __init__(self) -> None:
        self._passages: list[Passage] = []
        self._vectors: list[Sequence[float] | None] = []
        self._lengths: list[int] = []
        self._postings: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._passages)

    def add(self, passage: Passage, vector: Sequence[float] | None = None) -> None:
        found = indexed_terms(indexed_text(passage.title, passage.heading, passage.text))
        for term, count in Counter(found).items():
            self._postings[term].append((len(self._passages), count))
        self._passages.append(passage)
        self._vectors.append(vector)
        self._lengths.append(len(found))

    async def snapshot(self) -> MemoryIndex:
        return self

    async def lexical(
        self, query: str, collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        scores: defaultdict[int, float] = defaultdict(float)
        mean = sum(self._lengths) / max(1, len(self._lengths))
        for term, weight in query_terms(query).items():
            postings = self._postings.get(term, ())
            idf = math.log(1 + (len(self._passages) - len(postings) + 0.5) / (len(postings) + 0.5))
            for n, count in postings:
                scores[n] += weight * idf * count * (K1 + 1) / (count + K1 * (1 - B + B * self._lengths[n] / mean))
        best = heapq.nlargest(k, self._allowed(scores, collections, documents), key=lambda item: item[1])
        return [replace(self._passages[n], lexical=score) for n, score in best]

    async def dense(
        self, vector: Sequence[float], collections: Sequence[str], k: int, documents: Sequence[str] = ()
    ) -> list[Passage]:
        scores = {
            n: sum(a * b for a, b in zip(vector, own, strict=True))
            for n, own in enumerate(self._vectors)
            if own is not None
        }
        best = heapq.nlargest(k, self._allowed(scores, collections, documents), key=lambda item: item[1])
        return [replace(self._passages[n], dense=score) for n, score in best]

    def _allowed(
        self, scores: dict[int, float], collections: Sequence[str], documents: Sequence[str]
    ) -> list[tuple[int, float]]:
        def allowed(passage: Passage) -> bool:
            return passage.collection in collections and (not documents or passage.document in documents)

        return [item for item in scores.items() if allowed(self._passages[item[0]])]
