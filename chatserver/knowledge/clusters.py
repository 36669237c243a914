"""Questions that ask for the same thing, put together. Pure: the same questions in the same order give the same groups.

By their words: those that say what a question is about (`chatserver.keywords`: English stems, CJK bigrams), each
weighted by how rare it is among the questions given, so that the shop's name joins nothing. And by their meaning, where
vectors are given. A question joins the group whose first question it resembles most; questions do not chain.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from chatserver.keywords import keywords
from chatserver.text import is_cjk

__all__ = ["group"]

ALIKE = 0.65
ALIKE_CJK = 0.5
"""Of 1: equal words. Bigrams that span two words differ where the words do not."""
LEFT_OUT = 0.8
"""How much of the difference is what the *shorter* question says beyond the other. "returns" and "returns after 30
days" are alike, "clean the grinder" and "price of the grinder" are not, though they share as much."""
SHARED = 2
"""Words that two questions must share if they differ: one alone is a subject, not a question. Two CJK characters are
taken for a word."""
STRONG = 0.5
"""A term below this weight (a single CJK character, a bigram with a function word) does not count as one of those."""
SAME_MEANING = 0.75
"""Cosine of two questions' vectors, on the way from what is usual between any two of them (`_usual`) to 1."""
USUAL_OF = 10
"""Pairs; fewer tell nothing about the model, whose cosines are then taken as they are."""
USUAL_MAX = 0.8


@dataclass(slots=True)
class _Question:
    """`strong`: those of its terms that count towards `SHARED`; `weight`: of all its terms."""

    terms: dict[str, float]
    strong: set[str]
    weight: float
    vector: Sequence[float] | None


def group(texts: Sequence[str], vectors: Sequence[Sequence[float] | None] = ()) -> list[list[int]]:
    """Indices of `texts`, grouped; each group begins with the text that founded it, the groups are in the order of
    those. `vectors`: L2-normalised, as many as there are texts, or none; None where a text has none."""
    questions = _weighed(texts, vectors or [None] * len(texts))
    usual = _usual(vectors)
    groups: list[list[int]] = []
    of_term: dict[str, set[int]] = defaultdict(set)
    with_vector: list[int] = []
    for index, question in enumerate(questions):
        near = {number for term in question.terms for number in of_term[term]}
        if question.vector is not None:
            near.update(with_vector)
        best, home = 0.0, -1
        for number in sorted(near):
            likeness = _likeness(question, questions[groups[number][0]], usual)
            if likeness > best:
                best, home = likeness, number
        if home >= 0:
            groups[home].append(index)
            continue
        for term in question.terms:
            of_term[term].add(len(groups))
        if question.vector is not None:
            with_vector.append(len(groups))
        groups.append([index])
    return groups


def _weighed(texts: Sequence[str], vectors: Sequence[Sequence[float] | None]) -> list[_Question]:
    # What only asks ("And then?") has no keywords: it is alike to itself.
    found = [keywords(text) or {text.casefold().strip(): 1.0} for text in texts]
    counts = Counter(term for terms in found for term in terms)
    weighed = []
    for terms, vector in zip(found, vectors, strict=True):
        strong = {term for term, weight in terms.items() if weight >= STRONG}
        terms = {term: weight * math.log(1 + len(texts) / counts[term]) for term, weight in terms.items()}
        weighed.append(_Question(terms, strong, sum(terms.values()), vector))
    return weighed


def _usual(vectors: Sequence[Sequence[float] | None]) -> float:
    """The cosine of two questions that have nothing to do with each other: near 0 with one model, 0.7 with another."""
    cosines = [math.sumprod(one, two) for one, two in pairwise(filter(None, vectors))]
    return min(USUAL_MAX, max(0.0, median(cosines))) if len(cosines) >= USUAL_OF else 0.0


def _likeness(one: _Question, two: _Question, usual: float) -> float:
    """0 … 1; 0 for those that are not alike."""
    shared = one.strong & two.strong
    cjk = any(is_cjk(term[:1]) for term in shared)
    words = meaning = 0.0
    if one.terms.keys() == two.terms.keys():
        words = 1.0
    elif _words(shared) >= SHARED:
        common = sum(one.terms[term] for term in one.terms.keys() & two.terms.keys())
        less, more = sorted((one.weight - common, two.weight - common))
        words = common / (common + LEFT_OUT * less + (1 - LEFT_OUT) * more)
    if one.vector is not None and two.vector is not None:
        meaning = (math.sumprod(one.vector, two.vector) - usual) / (1 - usual)
    least = ALIKE_CJK if cjk else ALIKE
    return max(words if words >= least else 0.0, meaning if meaning >= SAME_MEANING else 0.0)


def _words(terms: set[str]) -> int:
    cjk = [term for term in terms if is_cjk(term[:1])]
    return len(terms) - len(cjk) + len(set("".join(cjk))) // 2
