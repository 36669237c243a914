"""Whether what was found says anything about the question at all. Pure.

A search always finds something; a model that is shown it will often make an answer of it. So the share of the
question's keywords that one passage holds decides, each weighted by how rare it is among what was found: a word that no
passage holds (a name the documents do not know) weighs most. Measured with the questions of SQuAD and CMRC 2018, at
`COVERED` some 98 % of the answerable ones pass; with all text of their subject taken away, two thirds of the
English and a third of the Chinese ones still do, and those are left to the model's judgement.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chatserver.keywords import keywords
from chatserver.rag.types import Passage
from chatserver.text import terms

__all__ = ["relevant"]

COVERED = 0.32
ALIKE = 0.6
"""A cosine that speaks for itself, whatever words are shared: a question in another language than the documents'."""


def relevant(question: str, found: Sequence[Passage]) -> list[Passage]:
    """Those of `found` (best first) that share something with the question; none if even the best share too little."""
    asked = keywords(question)
    held = [asked.keys() & set(terms(f"{each.title} {each.heading} {each.text}")) for each in found]
    weights = {
        term: weight * math.log(1 + len(found) / (1 + sum(term in words for words in held)))
        for term, weight in asked.items()
    }
    total = sum(weights.values()) or 1.0
    shares = [sum(weights[term] for term in words) / total for words in held]
    alike = [(passage.dense or 0.0) >= ALIKE for passage in found]
    if not any(alike) and max(shares, default=0.0) < COVERED:
        return []
    return [passage for passage, share, close in zip(found, shares, alike, strict=True) if share or close]
