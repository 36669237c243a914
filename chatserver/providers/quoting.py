"""Chooses the sentences of the excerpts that answer a question best: the whole of a model that quotes.

A sentence scores by the question's terms it holds, each weighted by how rare it is among the candidates; in part by
those that its title, heading or neighbours hold ("It was built in 1889" answers for the tower named before); and by
whether it holds the kind of thing that is asked for. Who asks how to do something gets the section whose heading names
it, from its beginning; so does who asks what a heading asks. Code goes with the sentence before it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

from chatserver.keywords import AnswerType, answer_type, keywords
from chatserver.providers.base import Excerpt
from chatserver.providers.cues import fits
from chatserver.providers.units import Kind, Unit, units
from chatserver.text import is_cjk, terms

__all__ = ["Quote", "choose"]

SENTENCES_MAX = 400
"""Candidates that are looked at; excerpts come best first, so what is left out matters least."""

NEAR = 0.5
"""How much a term in the sentence before, or in the code after it, counts against one in the sentence itself."""
ABOVE = 0.4
AROUND = 0.25
PAIR = 0.25
"""Of a pair of terms that stands in the question's order, beside each term's own weight."""
TYPED = 0.2
RANKED = 0.3
UNLIKELY = 0.3
"""Taken from what hardly answers: a question, a line that says nothing new, one that announces what isn't there."""
EARLIER = 0.5
"""What the terms of an earlier question weigh that was put before one which leans on it."""
WORTH = 0.7
"""A further sentence is quoted when it scores this much of the best one. At 0.5 half a sentence more is quoted for
each answer, and hardly any of those hold it."""
ALIKE = 0.7
NAMED = 0.5
"""A section answers a how-question when its heading and the question share more than this of their terms."""
ACTION = 0.05
"""For a heading that holds the question's first term, which mostly is what is to be done."""
LEAD = 3
"""Sentences that such a section is quoted with."""
STEPS = 6
"""Items of a list; also of one that a quoted sentence announces."""
CODE_CHARS = 2_000
READABLE = 0.65
"""Of a sentence's characters are letters, digits or spaces; below it is a line of code or the like."""
_ASKING = ("?", "？")
_COMMAND = re.compile(r"-{1,2}[A-Za-z][\w-]*[ =]|[$%] |>>> |#!|.*[{,]\s*\"[\w-]+\"\s*:|.*[;{]$", re.DOTALL)
"""Lines of code from documents that do not mark them, such as PDF: options, prompts, JSON, statements."""


class Quote(Struct, frozen=True):
    """A sentence, an item or a row of excerpt `n`. `at`: its place in that excerpt; `code`: what stands right after
    it, `language` as the document names it."""

    n: int
    at: int
    text: str
    score: float
    kind: Kind = "sentence"
    code: str = ""
    language: str = ""


class _Candidate(Struct):
    excerpt: Excerpt
    at: int
    unit: Unit
    terms: list[str]
    held: set[str]
    code: Unit | None = None
    listed: int = 0
    """Items or rows right after it, where it announces them."""
    score: float = 0.0

    @property
    def announces(self) -> bool:
        return self.unit.text[-1] in ":："


def choose(question: str, excerpts: Sequence[Excerpt], limit: int = 3) -> list[Quote]:
    """Up to `limit` sentences in reading order, those of the best one's excerpt first, and what they announce. Empty
    when none fits. Of several lines of `question` the last one asks, the others give it its subject."""
    *earlier, last = question.strip().split("\n")
    asked = {term: weight * EARLIER for term, weight in keywords("\n".join(earlier)).items()} | keywords(last)
    candidates = _candidates(excerpts)
    if not asked or not candidates:
        return []
    frequency = Counter(term for candidate in candidates for term in candidate.held if term in asked)
    weights = {term: weight * math.log(1 + len(candidates) / (1 + frequency[term])) for term, weight in asked.items()}
    kind = answer_type(last)
    _score(candidates, weights, kind)
    if section := _section(candidates, keywords(last), only_questions=kind != "manner"):
        return [_quote(each, code=True) for each in section]
    return _select(candidates, asked.keys(), limit)


def _candidates(excerpts: Sequence[Excerpt]) -> list[_Candidate]:
    found: list[_Candidate] = []
    for excerpt in excerpts:
        before: _Candidate | None = None
        for at, unit in enumerate(units(excerpt.text, excerpt.heading, excerpt.title)):
            if unit.kind == "code" and before:
                before.code, before = before.code or _short(unit), None
            elif unit.kind == "code" and (name := unit.heading or excerpt.title) and (code := _short(unit)):
                # Nothing introduces it but its heading.
                own = terms(name)
                found.append(_Candidate(excerpt, at, Unit("line", _announced(name), unit.heading), own, set(own), code))
            elif unit.kind == "heading" or not _readable(unit):
                before = None
            else:
                own = terms(unit.text)
                if before and before.announces and unit.kind in ("item", "row"):
                    before.listed += 1
                    found.append(_Candidate(excerpt, at, unit, own, set(own)))
                else:
                    before = _Candidate(excerpt, at, unit, own, set(own))
                    found.append(before)
            if len(found) == SENTENCES_MAX:
                return found
    return found


def _announced(heading: str) -> str:
    return heading + ("：" if is_cjk(heading[-1]) else ":")


def _short(code: Unit) -> Unit | None:
    return code if len(code.text) <= CODE_CHARS else None


def _readable(unit: Unit) -> bool:
    letters = sum(char.isalnum() or char.isspace() for char in unit.text)
    return unit.kind != "code" and letters >= READABLE * len(unit.text) and not _COMMAND.match(unit.text)


# --- scores ----------------------------------------------------------------------------------------------------------


def _score(candidates: list[_Candidate], weights: dict[str, float], kind: AnswerType) -> None:
    asked = weights.keys()
    pairs = {(a, b) for a, b in pairwise(asked) if not is_cjk(a[0])}
    total = sum(weights.values())
    top = max((c.excerpt.score for c in candidates), default=0.0) or 1.0
    around: dict[int, set[str]] = {}
    for candidate in candidates:
        around.setdefault(candidate.excerpt.n, set()).update(candidate.held & asked)
    named: dict[str, set[str]] = {}
    before: _Candidate | None = None
    for candidate in candidates:
        excerpt, unit = candidate.excerpt, candidate.unit
        near = set(terms(candidate.code.text)) if candidate.code else set[str]()
        if before and before.excerpt is excerpt:
            near |= before.held
        names = f"{excerpt.title} {excerpt.heading} {unit.heading}"
        if (above := named.get(names)) is None:
            above = named[names] = set(terms(names))
        sum_ = 0.0
        for term, weight in weights.items():
            if term in candidate.held:
                sum_ += weight
            elif term in near:
                sum_ += weight * NEAR
            elif term in above:
                sum_ += weight * ABOVE
            elif term in around[excerpt.n]:
                sum_ += weight * AROUND
        content = [term for term in candidate.terms if term in asked]
        sum_ += PAIR * sum(min(weights[a], weights[b]) for a, b in set(pairwise(content)) & pairs)
        candidate.score = sum_ / total + RANKED * excerpt.score / top
        if fits(kind, unit.text):
            candidate.score += TYPED
        candidate.score -= UNLIKELY * (
            (unit.text[-1] in _ASKING)
            + (unit.kind == "line" or not candidate.held - asked)
            + (candidate.announces and not (candidate.code or candidate.listed))
        )
        before = candidate


def _section(candidates: Sequence[_Candidate], asked: dict[str, float], *, only_questions: bool) -> list[_Candidate]:
    """The beginning of the section whose heading names best what is asked; empty when none names enough of it.
    `only_questions`: look at headings only that are questions themselves, as in lists of frequent ones."""
    sections: dict[tuple[int, str], list[_Candidate]] = {}
    known: set[str] = set()
    for candidate in candidates:
        # A row means something only to who has seen its table: sections of nothing else are no instructions.
        heading, kind = candidate.unit.heading, candidate.unit.kind
        fits_kind = heading[-1:] in _ASKING if only_questions else heading != ""
        if fits_kind and kind != "row" and (kind != "line" or candidate.code):
            sections.setdefault((candidate.excerpt.n, heading), []).append(candidate)
        known |= candidate.held | set(terms(heading))
    # Another word for the thing than the documents have must not stand against the heading, one of theirs must.
    asked = {term: weight for term, weight in asked.items() if term in known}
    best, section = NAMED, list[_Candidate]()
    for (_, heading), members in sections.items():
        if (shared := _shared(heading, asked)) > best:
            best, section = shared, members
    return _lead(section)


def _shared(heading: str, asked: dict[str, float]) -> float:
    """How much of each other the heading and the question hold: the harmonic mean of both shares."""
    named = keywords(heading)
    common = named.keys() & asked.keys()
    if not common:
        return 0.0
    of_question = sum(asked[term] for term in common) / sum(asked.values())
    of_heading = sum(named[term] for term in common) / sum(named.values())
    shared = 2 * of_question * of_heading / (of_question + of_heading)
    return shared + ACTION * (next(iter(asked)) in named) if shared > NAMED else 0.0


def _lead(section: Sequence[_Candidate]) -> list[_Candidate]:
    lead: list[_Candidate] = []
    for candidate in section:
        sentences = sum(each.unit.kind != "item" for each in lead)
        if len(lead) == STEPS or (sentences >= LEAD and candidate.unit.kind != "item"):
            break
        lead.append(candidate)
        if candidate.code and candidate.unit.kind == "sentence":
            break
    return lead


# --- choice ----------------------------------------------------------------------------------------------------------


def _select(candidates: list[_Candidate], asked: Iterable[str], limit: int) -> list[Quote]:
    chosen: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        if len(chosen) == limit or (chosen and candidate.score < chosen[0].score * WORTH):
            break
        if not any(_alike(candidate.held, other.held) for other in chosen):
            chosen.append(candidate)
    order = {each.excerpt.n: i for i, each in reversed(list(enumerate(chosen)))}
    for each in [each for each in chosen if each.listed]:
        first = next(i for i, candidate in enumerate(candidates) if candidate is each) + 1
        listed = candidates[first : first + min(each.listed, STEPS)]
        chosen += [item for item in listed if all(item is not other for other in chosen)]
    chosen.sort(key=lambda each: (order[each.excerpt.n], each.at))
    asked = set(asked)
    return [_quote(each, code=each.announces or _adds(each, asked)) for each in chosen]


def _adds(candidate: _Candidate, asked: set[str]) -> bool:
    """Whether the code after a sentence holds something of the question that the sentence doesn't."""
    return candidate.code is not None and not asked & set(terms(candidate.code.text)) <= candidate.held


def _quote(candidate: _Candidate, *, code: bool) -> Quote:
    after = candidate.code if code else None
    return Quote(
        n=candidate.excerpt.n,
        at=candidate.at,
        text=candidate.unit.text,
        score=candidate.score,
        kind=candidate.unit.kind,
        code=after.text if after else "",
        language=after.language if after else "",
    )


def _alike(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= ALIKE * min(len(one), len(other))
