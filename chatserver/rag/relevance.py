"""Whether what was found says anything about the question at all. Pure.

A search always finds something; a model that is shown it will often make an answer of it. So the share of the
question's keywords that one passage holds decides, each weighted by how rare it is among what was found: a word that no
passage holds (a name the documents do not know) weighs most. Among many documents more is found that fits by chance;
among few it is chance enough that they name a thing by another word. So the share that is needed grows with how many
passages were found (`bench/answers.py` measures both kinds of error).

Measured with the questions of SQuAD, CMRC 2018 and DRCD: 96 to 99 % of the answerable ones pass. With all text of their
subject taken away, two thirds of the English and a quarter of the Chinese ones still do, and those are left to the
model's judgement; over a handful of documents 1 to 6 % of questions about something else do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chatserver.keywords import keywords
from chatserver.rag.types import Passage
from chatserver.text import cjk_share, terms

__all__ = ["relevant"]

COVERED = 0.32
FEW = 0.6
FEW_CJK = 0.4
"""Of `COVERED`: what a question needs when hardly anything was found, growing evenly up to `MANY` passages. Bigrams
agree by chance more seldom than words do."""
MANY = 20
CJK_SHARE = 0.3
"""Of a question's letters."""
ALIKE = 0.6
"""A cosine that speaks for itself, whatever words are shared: a question in another language than the documents'."""


def relevant(question: str, found: Sequence[Passage]) -> list[Passage]:
    """Those of `found` (best first) that share something with the question; none if even the best share too little."""
    asked = keywords(question)
    held = [asked.keys() & set(terms(f"{each.title} {each.heading} {each.text}")) for each in found]
    # What shares only function words with the question was found because there is nothing else.
    about = [n for n, (words, each) in enumerate(zip(held, found, strict=True)) if words or _alike(each)]
    found, held = [found[n] for n in about], [held[n] for n in about]
    weights = {
        term: weight * math.log(1 + len(found) / (1 + sum(term in words for words in held)))
        for term, weight in asked.items()
    }
    total = sum(weights.values()) or 1.0
    shares = [sum(weights[term] for term in words) / total for words in held]
    alike = [_alike(passage) for passage in found]
    least = FEW_CJK if cjk_share(question) > CJK_SHARE else FEW
    needed = COVERED * (least + (1 - least) * min(1.0, len(found) / MANY))
    if not any(alike) and max(shares, default=0.0) < needed:
        return []
    return [passage for passage, share, close in zip(found, shares, alike, strict=True) if share or close]


def _alike(passage: Passage) -> bool:
    return (passage.dense or 0.0) >= ALIKE
