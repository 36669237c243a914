"""Whether what an answer cites says what the answer says; citations of anything else are taken out. Pure.

A model may cite the wrong excerpt, or one for a claim of its own. The words of a statement tell: of those that carry
its subject, an excerpt that supports it holds a good part, names and numbers most of all. Where words can't tell (other
language, all said in other words) the caller may compare meanings, and what nobody can judge is left in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from chatserver.keywords import keywords
from chatserver.rag.citations import Mark
from chatserver.text import cjk_share, is_cjk, sentence_spans, terms

__all__ = ["ALIKE", "Doubt", "doubts", "without"]

HELD = 0.34
"""Of a statement's keywords, by weight: below it the excerpt does not say the statement."""
FEW_WORDS = 2.0
"""A statement with keywords of less weight ("Yes.") claims nothing that could be judged."""
NUMBER_WEIGHT = 2.0
ALIKE = 0.5
"""Cosine of statement and excerpt from which on they mean the same, whatever their words are."""
OTHER_SCRIPT = 0.4
"""Difference in the share of CJK letters: then one is in another language than the other."""

_MARK = re.compile(r"\[\d{1,3}\]")
_LINE_MARK = re.compile(r"^\s*(?:[-*+•>#|]+|\d+[.)])\s*", re.MULTILINE)


class Doubt(Struct, frozen=True):
    """A citation whose words do not bear it out: `statement` cites `mark.n`. `foreign`: their languages differ, so that
    words say nothing."""

    mark: Mark
    statement: str
    foreign: bool


def doubts(text: str, marks: Sequence[Mark], excerpts: Mapping[int, str]) -> list[Doubt]:
    """The citations of `text` that the words of their excerpts (by number, with title and heading) do not support."""
    held = {n: set(terms(excerpt)) for n, excerpt in excerpts.items()}
    shares = {n: cjk_share(excerpt) for n, excerpt in excerpts.items()}
    found: list[Doubt] = []
    for at, mark in enumerate(marks):
        whole = _statement(text, mark.start)
        # "A is so [1] and B is so [2].": either the part since the last citation or all of the sentence will do.
        before = _run_start(marks, at)
        part = _plain(text[marks[before - 1].end : marks[before].start]) if before else whole
        said = [each for each in (whole, part) if each]
        if all(_bears_out(held[mark.n], each) is False for each in said) and said:
            foreign = abs(cjk_share(whole) - shares[mark.n]) > OTHER_SCRIPT
            found.append(Doubt(mark, whole, foreign))
    return found


def without(text: str, marks: Sequence[Mark]) -> str:
    """`text` without those citations, and without the space that stood before them."""
    for mark in sorted(marks, reverse=True, key=lambda mark: mark.start):
        before, after = text[: mark.start], text[mark.end :]
        # "so [1]." becomes "so.", but "so [1] it" becomes "so it" and "so [1][2]" becomes "so [2]".
        if before.endswith(" ") and not (after[:1].isalnum() or after[:1] == "["):
            before = before[:-1]
        text = before + after
    return text


def _run_start(marks: Sequence[Mark], at: int) -> int:
    """The first of the citations that stand together with this one, `[1][2]`."""
    while at and marks[at - 1].end == marks[at].start:
        at -= 1
    return at


def _statement(text: str, end: int) -> str:
    """The sentence that a citation at `end` stands in, or which ends just before it; without citations."""
    line = text.rfind("\n\n", 0, end) + 1
    before = _plain(text[line:end])
    spans = sentence_spans(before)
    return before[slice(*spans[-1])] if spans else ""


def _plain(text: str) -> str:
    return _LINE_MARK.sub("", _MARK.sub("", text)).strip()


def _bears_out(held: set[str], statement: str) -> bool | None:
    """None: there is nothing to judge by."""
    weights = {term: _weight(term, weight) for term, weight in keywords(statement).items()}
    total = sum(weights.values())
    if total < FEW_WORDS:
        return None
    return sum(weight for term, weight in weights.items() if term in held) >= HELD * total


def _weight(term: str, weight: float) -> float:
    return NUMBER_WEIGHT * weight if term[0].isdigit() and not is_cjk(term[0]) else weight
