"""What was found must say something about the question, or it is not shown at all."""

from __future__ import annotations

import pytest

from chatserver.keywords import keywords, subject
from chatserver.rag.relevance import ALIKE, relevant
from chatserver.rag.types import Passage

TEA = "Tea is served in the garden from three to five."
BUS = "The bus to the harbour leaves every twenty minutes."
LIBRARY = "图书馆每周一闭馆，其他日子从九点开放到六点。"
MODEL = "没有模型时，服务器会摘引文档中最相关的句子作答。"


def passages(*texts: str, dense: float | None = None, heading: str = "") -> list[Passage]:
    return [
        Passage(chunk=str(n), document="d", collection="c", title="Town", heading=heading, text=text, dense=dense)
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When does the bus leave?", [BUS]),
        ("Where do they serve tea?", [TEA]),
        ("图书馆什么时候开放？", [LIBRARY]),
        ("Who won the football world cup?", []),
        ("北京故宫的门票多少钱？", []),
        ("What is it about?", []),
    ],
)
def test_only_what_shares_something_with_the_question_is_kept(question: str, expected: list[str]) -> None:
    assert [each.text for each in relevant(question, passages(TEA, BUS, LIBRARY))] == expected


def test_nothing_found_is_nothing_relevant() -> None:
    assert relevant("When does the bus leave?", []) == []


def test_one_shared_word_of_many_is_not_enough() -> None:
    found = passages(*[f"The bus number {n} is red." for n in range(20)])
    assert relevant("Which Peruvian parliament committee nominated bus ambassador Quispe?", found) == []


def test_among_few_passages_less_agreement_is_needed() -> None:
    # Bigrams that span two words (入语, 言模) match nothing, whatever the documents say.
    few = passages(MODEL, heading="连接模型")
    assert relevant("怎样接入语言模型？", few) == few
    assert relevant("怎样接入语言模型？", few + passages(*["每年评选劳动模范。"] * 30)) == []


def test_a_close_vector_speaks_for_itself() -> None:
    near, far = passages(TEA, dense=ALIKE + 0.1), passages(BUS, dense=0.2)
    assert relevant("下午茶在哪里？", near + far) == near


def test_the_heading_and_the_title_count() -> None:
    found = passages("Open it with the small key.", heading="Letter box")
    assert relevant("How do I use the letter box?", found) == found


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("How can I add my own documents?", ["add", "documents"]),
        ("When did the US join?", ["US", "join"]),
        ("WHAT DOES IT COST?", ["COST"]),
        ("What's it like there?", []),
        ("请问图书馆在哪里？", ["图书馆在"]),
        ("Is the 3a, the be4 or the 7ad a good one?", ["3a,", "be4", "7ad", "good"]),
    ],
)
def test_words_that_only_ask_are_not_searched(question: str, kept: list[str]) -> None:
    assert subject(question).replace("?", " ").replace("？", " ").split() == kept


def test_a_name_that_looks_like_a_common_word_is_a_keyword() -> None:
    assert keywords("When did the US join?") == {"us": 1.0, "join": 1.0}
