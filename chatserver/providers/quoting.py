"""Chooses the sentences of the excerpts that answer a question best: the whole of a model that quotes.

A sentence scores by the question's terms it holds, each weighted by how rare it is among the candidates; in part by
those that its title, heading or neighbours hold ("It was built in 1889" answers for the tower named before); and by
whether it holds the kind of thing that is asked for.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from chatserver.keywords import AnswerType, answer_type, keywords
from chatserver.providers.base import Excerpt
from chatserver.text import is_cjk, sentences, terms

__all__ = ["Quote", "choose"]

SENTENCES_MAX = 400
"""Candidates that are looked at; excerpts come best first, so what is left out matters least."""

NEAR = 0.5
"""How much a term in the sentence before counts, against one in the sentence itself."""
ABOVE = 0.4
AROUND = 0.25
PAIR = 0.25
"""Of a pair of terms that stands in the question's order, beside each term's own weight."""
TYPED = 0.2
RANKED = 0.3
WORTH = 0.5
"""A further sentence is quoted when it scores this much of the best one."""
ALIKE = 0.7

_TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|century|centuries|decade|BCE?|AD|spring|summer|autumn|winter)\b"
    r"|\d{1,2}:\d{2}|\d+\s*(?:年|月|日|世纪|世紀|时|時|点)|[〇零一二三四五六七八九十]+(?:年|月|日|世纪|世紀)|年间|年間|时期|時期|年代|公元|朝"
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|fifty|hundreds?|thousands?"
    r"|millions?|billions?|half|third|quarter|twice|once|both|several|percent)\b|[一二两兩三四五六七八九十百千万萬亿億半数數]",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w’'-]+")
_CAUSE = re.compile(
    r"\b(?:because|since|due|reason|reasons|caused?|causes|so that|in order|result|resulted|led|therefore|thus|to avoid|to prevent)\b"
    r"|因为|因為|由于|由於|因此|所以|原因|为了|為了|导致|導致|以便|因",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|on)\s+(?:the\s+)?[A-Z]|[省市县縣州国國城镇鎮村区區岛島山河湖海洋路街]|位于|位於|在"
)
_MANNER = re.compile(
    r"\b(?:by|using|through|via|with|first|then|run|click|use|set)\b|通过|通過|使用|利用|方式|方法|先|以", re.IGNORECASE
)
_CUES: dict[AnswerType, re.Pattern[str]] = {
    "time": _TIME,
    "quantity": _NUMBER,
    "person": _NAME,
    "place": _PLACE,
    "reason": _CAUSE,
    "manner": _MANNER,
}


class Quote(Struct, frozen=True):
    """A sentence, word for word, of excerpt `n`. `at` is its place among that excerpt's sentences."""

    n: int
    at: int
    text: str
    score: float


class _Candidate(Struct):
    excerpt: Excerpt
    at: int
    text: str
    terms: list[str]
    held: set[str]


def choose(question: str, excerpts: Sequence[Excerpt], limit: int = 3) -> list[Quote]:
    """Up to `limit` sentences in reading order, those of the best one's excerpt first. Empty when none fits."""
    asked = keywords(question)
    candidates = _candidates(excerpts)
    if not asked or not candidates:
        return []
    frequency = Counter(term for candidate in candidates for term in candidate.held if term in asked)
    weights = {term: weight * math.log(1 + len(candidates) / (1 + frequency[term])) for term, weight in asked.items()}
    pairs = _pairs(list(asked))
    kind = answer_type(question)
    scored = _score(candidates, weights, pairs, kind, set(asked))
    return _select(scored, limit)


def _candidates(excerpts: Sequence[Excerpt]) -> list[_Candidate]:
    found: list[_Candidate] = []
    for excerpt in excerpts:
        for at, text in enumerate(sentences(excerpt.text)):
            own = terms(text)
            found.append(_Candidate(excerpt, at, text, own, set(own)))
            if len(found) == SENTENCES_MAX:
                return found
    return found


def _pairs(asked: list[str]) -> set[tuple[str, str]]:
    return {(a, b) for a, b in pairwise(asked) if not is_cjk(a[0])}


def _score(
    candidates: list[_Candidate],
    weights: dict[str, float],
    pairs: set[tuple[str, str]],
    kind: AnswerType,
    asked: set[str],
) -> list[tuple[float, _Candidate]]:
    total = sum(weights.values())
    top = max((c.excerpt.score for c in candidates), default=0.0) or 1.0
    above: dict[int, set[str]] = {}
    around: dict[int, set[str]] = {}
    for candidate in candidates:
        n = candidate.excerpt.n
        if n not in above:
            above[n] = set(terms(f"{candidate.excerpt.title} {candidate.excerpt.heading}"))
            around[n] = set()
        around[n] |= candidate.held & asked
    scored: list[tuple[float, _Candidate]] = []
    for i, candidate in enumerate(candidates):
        n = candidate.excerpt.n
        before = candidates[i - 1].held if i and candidates[i - 1].excerpt is candidate.excerpt else frozenset[str]()
        sum_ = 0.0
        for term, weight in weights.items():
            if term in candidate.held:
                sum_ += weight
            elif term in before:
                sum_ += weight * NEAR
            elif term in above[n]:
                sum_ += weight * ABOVE
            elif term in around[n]:
                sum_ += weight * AROUND
        content = [term for term in candidate.terms if term in asked]
        sum_ += PAIR * sum(min(weights[a], weights[b]) for a, b in set(pairwise(content)) & pairs)
        score = sum_ / total
        if (cue := _CUES.get(kind)) and cue.search(candidate.text):
            score += TYPED
        score += RANKED * candidate.excerpt.score / top
        if candidate.text[-1] in "?？":
            score -= 0.3
        if not candidate.held - asked:
            score -= 0.3
        scored.append((score, candidate))
    return scored


def _select(scored: list[tuple[float, _Candidate]], limit: int) -> list[Quote]:
    ranked = sorted(scored, key=lambda item: -item[0])
    chosen: list[tuple[float, _Candidate]] = []
    for score, candidate in ranked:
        if chosen and score < chosen[0][0] * WORTH:
            break
        if any(_alike(candidate.held, other.held) for _, other in chosen):
            continue
        chosen.append((score, candidate))
        if len(chosen) == limit:
            break
    order = {c.excerpt.n: i for i, (_, c) in reversed(list(enumerate(chosen)))}
    chosen.sort(key=lambda item: (order[item[1].excerpt.n], item[1].at))
    return [Quote(c.excerpt.n, c.at, c.text, score) for score, c in chosen]


def _alike(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= ALIKE * min(len(one), len(other))
