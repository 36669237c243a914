"""Makes one ranking of the two legs. Pure.

Each leg's scores are divided by its best one and the halves added: measured better than reciprocal rank fusion, which
throws away by how much the first hit leads (docs/architecture.md, "Retrieval").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from chatserver.rag.types import Passage
from chatserver.text import terms

__all__ = ["distinct", "fuse"]

LEXICAL = 0.5
DENSE = 0.5
OVERLAP = 0.5
"""Two passages of a document that share this much of the shorter one say the same."""


def fuse(lexical: Sequence[Passage], dense: Sequence[Passage] | None) -> list[Passage]:
    """The passages of both legs, best first, `score` in 0 … 1. `dense` is None where that leg was not asked: the other
    one then decides alone, with its full weight."""
    if dense is None:
        scores = _normalised(lexical, lambda passage: passage.lexical)
        ranked = [replace(passage, score=scores[passage.chunk]) for passage in lexical]
    else:
        by_words = _normalised(lexical, lambda passage: passage.lexical)
        by_sense = _normalised(dense, lambda passage: passage.dense)
        cosines = {passage.chunk: passage.dense for passage in dense}
        both = {passage.chunk: passage for passage in (*dense, *lexical)}
        ranked = [
            replace(
                passage,
                dense=cosines.get(chunk),
                score=LEXICAL * by_words.get(chunk, 0.0) + DENSE * by_sense.get(chunk, 0.0),
            )
            for chunk, passage in both.items()
        ]
    # Equal scores keep an order of their own, so that the same question gives the same sources everywhere.
    return sorted(ranked, key=lambda passage: (-passage.score, passage.document, passage.ordinal, passage.chunk))


def _normalised(leg: Sequence[Passage], raw: Callable[[Passage], float | None]) -> dict[str, float]:
    scores = {passage.chunk: max(0.0, raw(passage) or 0.0) for passage in leg}
    best = max(scores.values(), default=0.0)
    return {chunk: score / best if best else 0.0 for chunk, score in scores.items()}


def distinct(ranked: Sequence[Passage], k: int) -> list[Passage]:
    """The first `k` that say something new: no text twice, and of overlapping pieces of a document the better one."""
    kept: list[Passage] = []
    texts: set[tuple[str, ...]] = set()
    for passage in ranked:
        if len(kept) >= k:
            break
        text = tuple(terms(passage.text)) or (passage.text,)
        if text in texts or any(_overlap(passage, other) for other in kept):
            continue
        texts.add(text)
        kept.append(passage)
    return kept


def _overlap(one: Passage, other: Passage) -> bool:
    if one.document != other.document:
        return False
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > OVERLAP * min(one.end - one.start, other.end - other.start)
