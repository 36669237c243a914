"""Makes one ranking of the two legs, and of a ranking what is worth showing. Pure.

Each leg's scores are divided by its best one and added with their weights: measured better than reciprocal rank fusion,
which throws away by how much the first hit leads (docs/knowledge.md, "Retrieval").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from chatserver.rag.split import BLOCK_SEPARATOR
from chatserver.rag.types import Passage

__all__ = ["distinct", "fuse", "joined"]

LEXICAL = 0.55
DENSE = 0.45
UNSEEN = 0.9
"""Of a leg's last score: what a passage is taken to have there that only the other leg found. It has less than the last
one, but hardly nothing: with 0, a passage that both legs find late would beat one that either finds first."""
OVERLAP = 0.5
"""Two passages of a document that share this much of the shorter one say the same."""
ALIKE = 0.9
"""Of all words of two passages: what copies with small changes share. Other numbers make another statement."""
JOINED_CHARS = 3_600
"""As long as neighbours may become when they are put together; a model is shown little more of one excerpt."""


def fuse(lexical: Sequence[Passage], dense: Sequence[Passage] | None, *, depth: int) -> list[Passage]:
    """The passages of both legs, best first, `score` in 0 … 1. `depth`: how many each leg was asked for. `dense` is
    None where that leg was not asked: the other one then decides alone, with its full weight."""
    by_words = _normalised(lexical, lambda passage: passage.lexical)
    if dense is None:
        ranked = [replace(passage, score=by_words[passage.chunk]) for passage in lexical]
    else:
        by_sense = _normalised(dense, lambda passage: passage.dense)
        # Words that fewer passages hold are in none of the others. A vector, though, is missing while it is made.
        no_words = UNSEEN * min(by_words.values(), default=0.0) if len(lexical) >= depth else 0.0
        no_sense = UNSEEN * min(by_sense.values(), default=0.0)
        cosines = {passage.chunk: passage.dense for passage in dense}
        both = {passage.chunk: passage for passage in (*dense, *lexical)}
        ranked = [
            replace(
                passage,
                dense=cosines.get(chunk),
                score=LEXICAL * by_words.get(chunk, no_words) + DENSE * by_sense.get(chunk, no_sense),
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
    """The first `k` that say something new: no text twice, also not with small changes, and of overlapping pieces of a
    document the better one."""
    kept: list[Passage] = []
    texts: set[str] = set()
    words: dict[str, frozenset[str]] = {}
    for passage in ranked:
        if len(kept) >= k:
            break
        text = " ".join(passage.text.split())
        if text in texts or any(_overlap(passage, other) or _copies(passage, other, words) for other in kept):
            continue
        texts.add(text)
        kept.append(passage)
    return kept


def _copies(one: Passage, other: Passage, words: dict[str, frozenset[str]]) -> bool:
    """`words`: what is known of the passages by now; most are told apart by their length and score alone."""
    if not (_near(len(one.text), len(other.text)) and _near(one.score, other.score)):
        return False
    for each in (one, other):
        if each.chunk not in words:
            words[each.chunk] = frozenset(each.text.casefold().split())
    mine, others = words[one.chunk], words[other.chunk]
    shared = len(mine & others)
    if shared < ALIKE * (len(mine) + len(others) - shared):
        return False
    return not any(char.isdigit() for word in mine ^ others for char in word)


def _near(one: float, other: float) -> bool:
    return min(one, other) >= ALIKE * max(one, other)


def _overlap(one: Passage, other: Passage) -> bool:
    if one.document != other.document:
        return False
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared > OVERLAP * min(one.end - one.start, other.end - other.start)


def joined(ranked: Sequence[Passage], k: int) -> list[Passage]:
    """Up to `k` passages, best first, where each takes in those of `ranked` that stand beside it in its section.

    A section that was too long for one piece is then read as it was written. `text` stays the document's own from
    `start` to `end`; what lay between two pieces was white space.
    """
    kept: list[Passage] = []
    for passage in ranked:
        for n, other in enumerate(kept):
            if (both := _together(other, passage)) is not None:
                kept[n] = both
                break
        else:
            if len(kept) < k:
                kept.append(passage)
    return kept


def _together(better: Passage, other: Passage) -> Passage | None:
    place = (other.document, other.heading, other.page)
    if place != (better.document, better.heading, better.page):
        return None
    first, last = sorted((better, other), key=lambda passage: passage.start)
    gap = last.start - first.end
    if gap > len(BLOCK_SEPARATOR) or last.end <= first.end or last.end - first.start > JOINED_CHARS:
        return None
    between = BLOCK_SEPARATOR if gap == len(BLOCK_SEPARATOR) else " " * gap
    return replace(better, text=first.text + between + last.text[max(0, -gap) :], start=first.start, end=last.end)
