"""Which terms of a question say what it is about, what it is searched by, and what kind of answer it asks for; English
and Chinese.

Pure, without a dictionary: words that only form questions are left out, and a CJK bigram that holds a function
character counts little. How rare a term is in the documents is the caller's knowledge, not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from chatserver.text import is_cjk, terms

__all__ = ["AnswerType", "answer_type", "indexed_terms", "is_stop", "keywords", "query_terms", "subject"]

SUBJECT_WEIGHT = 2
WEAK_WEIGHT = 1
"""Of a CJK term that is a single character or holds a function character."""
PAIR_WEIGHT = 1
"""Of two words that are neighbours: they decide between passages that hold the subject equally well."""

type AnswerType = Literal["time", "person", "quantity", "place", "reason", "manner", "other"]

_STOP = frozenset(
    term
    for word in """
    a about above after again all also am an and any anybody anyone anything are as ask at be because been before being
    between both but by can could did do does doing done during each either else ever every few for from further get
    give given got had has have having he hello help her here hers him his how however i if in into is it its just know
    let like many may me might more most much must my myself need no nor not now of off often on once one only or other
    our ours out over own per please same say says shall she should so some such tell than thank thanks that the their
    theirs them then there these they thing this those through to too under until up upon us very want was we well were
    what when where whether which while who whom whose why will with within without would yes yet you your yours
    call called name named type kind sort exactly mean
    d hi ll m re s t ve
    """.split()
    for term in terms(word)
)

_CJK_ASKS = re.compile(
    "请问|請問|告诉我|告訴我|什么时候|什麼時候|什么|什麼|甚么|甚麼|为什么|為什麼|为何|為何|何时|何時|何地|何处|何處|何人|哪一|哪些|哪个|哪個"
    "|哪里|哪裡|哪裏|哪儿|哪|多少|多久|怎么样|怎麼樣|怎么|怎麼|怎样|怎樣|如何|是否|能否|可否|有没有|有沒有|是不是|谁|誰|几|幾|吗|嗎|呢|吧"
)
# Of Latin letters alone: the "a" of "model 3a" is no article. Chinese runs into words without a space.
_WORD = re.compile(r"(?<![A-Za-z\d])[A-Za-z]++(?:['’][A-Za-z]++)*+(?!\d)")
_CJK_FUNCTION = frozenset(
    "的了是在和与與或有被把对對从從由于於等也就都而及其它他她这這那我你们們一个個之以为為所上下中来來去到会會能可要不没沒很最更并"
    "並将將让讓给給向往着著过過地得使用做作说說请請么麼又还還但因此如则則只第年月日名位种種者些此该該"
)

_TYPES: tuple[tuple[AnswerType, re.Pattern[str]], ...] = (
    ("quantity", re.compile(r"\bhow (?:many|much|long|old|far|large|big|tall|high|deep|fast|often|wide|heavy)\b|\bwhat (?:\w+ )?(?:percent|percentage|number|amount|price|cost|size|population|age)\b"
                            r"|多少|多久|多长|多長|多大|多高|多远|多遠|多重|多深|(?<!星期)(?<!礼拜)(?<!禮拜)(?<![周週])[几幾](?!乎)|百分之", re.IGNORECASE)),
    ("time", re.compile(r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time|season)\b|什么时候|什麼時候|何时|何時|(?:星期|礼拜|禮拜|[周週])[几幾]|(?:哪|什么|什麼|几|幾).{0,2}(?:年|月|日|天|时|時|世纪|世紀|期)|时间|時間", re.IGNORECASE)),
    ("person", re.compile(r"\bwho(?:m|se)?\b|谁|誰|何人|哪.{0,2}(?:位|人|名)|什么人|什麼人", re.IGNORECASE)),
    ("place", re.compile(r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|country|place|state|town|location|region|county|area|continent)\b|哪里|哪裡|哪裏|哪儿|何地|何处|何處|(?:哪|什么|什麼).{0,3}(?:国|國|城|省|市|县|縣|地|州|区|區)", re.IGNORECASE)),
    ("reason", re.compile(r"\bwhy\b|\bwhat (?:\w+ )?(?:reason|cause[sd]?)\b|\bhow come\b|为什么|為什麼|为何|為何|原因|怎么会|怎麼會", re.IGNORECASE)),
    ("manner", re.compile(r"\bhow\b|怎么|怎麼|怎样|怎樣|如何", re.IGNORECASE)),
)  # fmt: skip


def subject(question: str) -> str:
    """The question without the words that only ask or join: among few documents "my own" would else find more than
    what is asked for. Empty where there are no others. "US" and "IT" stay, they are names."""
    shouted = question.isupper()

    def kept(word: re.Match[str]) -> str:
        names = len(word[0]) > 1 and word[0].isupper() and not shouted
        return word[0] if names or not all(map(is_stop, terms(word[0]))) else " "

    words = _WORD.sub(kept, _CJK_ASKS.sub(" ", question))
    return words if terms(words) else ""


def is_stop(term: str) -> bool:
    """Whether `term` (one of `terms`) says nothing about a subject."""
    return term in _STOP or term in _CJK_FUNCTION


def keywords(question: str) -> dict[str, float]:
    """The terms that carry the question's subject, each with its weight in ]0, 1], in order of appearance."""
    weights: dict[str, float] = {}
    for term in terms(subject(question)):
        if term not in _CJK_FUNCTION:
            weights[term] = _weight(term)
    return weights


def _weight(term: str) -> float:
    if not is_cjk(term[0]):
        return 1.0 if len(term) > 1 else 0.5
    if len(term) == 1:
        return 0.2
    return 0.3 if term[0] in _CJK_FUNCTION or term[1] in _CJK_FUNCTION else 1.0


def indexed_terms(text: str) -> list[str]:
    """What a passage is found by: its `terms`, and each two neighbours of them as one, so that a phrase weighs more than
    its words. CJK terms are bigrams already; pairs of function words are everywhere."""
    found = terms(text)
    return [*found, *_pairs(found)]


def query_terms(question: str) -> dict[str, int]:
    """What to look for among `indexed_terms`, with the weight of each, in order of appearance. Words that only ask or
    join are looked for in pairs with others, and alone where there is nothing else."""
    found = terms(question)
    strong = keywords(question)
    pairs = dict.fromkeys(_pairs(found), PAIR_WEIGHT)
    if not strong:
        return dict.fromkeys(found, WEAK_WEIGHT) | pairs
    return {term: SUBJECT_WEIGHT if weight >= 0.5 else WEAK_WEIGHT for term, weight in strong.items()} | pairs


def _pairs(found: Sequence[str]) -> Iterator[str]:
    for one, two in pairwise(found):
        if not (is_cjk(one[0]) or is_cjk(two[0]) or (one in _STOP and two in _STOP)):
            yield f"{one}_{two}"  # no term holds a low line


def answer_type(question: str) -> AnswerType:
    """What the answer should hold, from the words the question begins or asks with; `other` when they don't tell."""
    for kind, pattern in _TYPES:
        if pattern.search(question):
            return kind
    return "other"
