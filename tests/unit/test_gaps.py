"""Questions that ask for the same thing come together; others, and those of other sites, do not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from chatserver.errors import ProviderError
from chatserver.knowledge import gaps
from chatserver.knowledge.clusters import group
from chatserver.knowledge.gaps import Gap, Reason, Unanswered, clustered
from chatserver.providers.base import Vector

SHOP = [
    "How do I return a grinder?",
    "Can I return the grinder after 30 days?",
    "return grinder",
    "What does the grinder cost?",
    "How do I clean the coffee grinder?",
    "how to clean a grinder",
    "Do you ship to Norway?",
    "shipping to norway?",
    "Do you ship to Switzerland?",
    "How do I reset my password?",
    "forgot my password, how do i reset it?",
    "Are you open on Sundays?",
    "opening hours on sunday",
    "磨豆机怎么退货？",
    "我想退货，磨豆机可以退吗",
    "磨豆机多少钱",
    "怎么重置密码？",
    "忘记密码了怎么重置",
    "咖啡机保修多久",
    "咖啡机的保修期是多长时间？",
]
TOGETHER = [
    {"How do I return a grinder?", "Can I return the grinder after 30 days?", "return grinder"},
    {"How do I clean the coffee grinder?", "how to clean a grinder"},
    {"Do you ship to Norway?", "shipping to norway?"},
    {"How do I reset my password?", "forgot my password, how do i reset it?"},
    {"Are you open on Sundays?", "opening hours on sunday"},
    {"磨豆机怎么退货？", "我想退货，磨豆机可以退吗"},
    {"怎么重置密码？", "忘记密码了怎么重置"},
    {"咖啡机保修多久", "咖啡机的保修期是多长时间？"},
]


def texts(questions: Sequence[str], groups: list[list[int]]) -> list[set[str]]:
    return [{questions[index] for index in members} for members in groups]


def test_what_asks_the_same_in_english_and_chinese_comes_together() -> None:
    found = texts(SHOP, group(SHOP))
    assert [each for each in found if len(each) > 1] == TOGETHER


def test_the_same_questions_give_the_same_groups() -> None:
    assert group(SHOP) == group(SHOP)
    shuffled = random.Random(7).sample(SHOP, len(SHOP))
    assert sorted(index for members in group(shuffled) for index in members) == list(range(len(SHOP)))


def test_each_group_begins_with_its_newest_and_they_do_not_chain() -> None:
    questions = ["red green blue", "red green", "green blue yellow", "blue yellow"]
    assert group(questions) == [[0, 1], [2, 3]]


def test_without_a_shared_word_only_vectors_know() -> None:
    questions = ["How do I return a grinder?", "can i send it back", "Do you ship to Norway?"]
    assert group(questions) == [[0], [1], [2]]
    close = math.sqrt(1 - 0.9**2)
    assert group(questions, [[1.0, 0.0], [0.9, close], [0.0, 1.0]]) == [[0, 1], [2]]
    assert group(questions, [[1.0, 0.0], None, [0.0, 1.0]]) == [[0], [1], [2]]


def test_a_model_whose_vectors_are_all_alike_joins_nothing() -> None:
    """As with those whose cosines lie between 0.8 and 1 whatever the texts say."""
    questions = [f"subject{n}" for n in range(20)]
    vectors = [[0.9, *(math.sqrt(1 - 0.81) if m == n else 0.0 for m in range(20))] for n in range(20)]
    assert len(group(questions, vectors)) == 20
    vectors[1] = vectors[0]
    assert group(questions, vectors)[0] == [0, 1]


@pytest.mark.parametrize("text", ["", "?!", "hi", "And then?", "🙂", "谢谢"])
def test_what_says_nothing_is_alike_to_itself_alone(text: str) -> None:
    assert group([text, "How do I return a grinder?", text]) == [[0, 2], [1]]


# --- the report ------------------------------------------------------------------------------------------------------


class Embedder:
    """Every text is the same to it; counts what it is asked."""

    name, dimensions = "same", 2

    def __init__(self, *, multilingual: bool = True, error: ProviderError | None = None) -> None:
        self.multilingual = multilingual
        self.error = error
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        if self.error:
            raise self.error
        self.asked += texts
        return [[1.0, 0.0]] * len(texts)

    async def aclose(self) -> None: ...


def question(n: int, text: str, site: str = "shop", reason: Reason = "not_found") -> Unanswered:
    """The `n`-th newest."""
    asked = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(minutes=n)
    return Unanswered(
        message=f"{999 - n}", room="r", site=site, text=text, assistant="Robo", asked=asked, reason=reason
    )


def said(found: list[Gap]) -> list[list[str]]:
    return [[each.text for each in gap.questions] for gap in found]


async def test_the_most_asked_comes_first_then_the_newest() -> None:
    asked = ["opening hours", "ship to Norway?", "VAT invoice", "shipping to Norway", "invoice with VAT"]
    found = await clustered([question(n, text) for n, text in enumerate(asked)])
    assert said(found) == [
        ["ship to Norway?", "shipping to Norway"],
        ["VAT invoice", "invoice with VAT"],
        ["opening hours"],
    ]
    assert [gap.id for gap in found] == ["998", "997", "999"]


async def test_questions_of_two_sites_stay_apart() -> None:
    found = await clustered([question(0, "ship to Norway?", "a"), question(1, "ship to Norway?", "b")], Embedder())
    assert [gap.site for gap in found] == ["a", "b"]


async def test_a_gap_counts_each_question_under_its_reason() -> None:
    reasons: list[Reason] = ["disliked", "not_found", "not_found"]
    (gap,) = await clustered([question(n, "ship to Norway?", reason=reason) for n, reason in enumerate(reasons)])
    assert gap.reasons() == {"failed": 0, "not_found": 2, "unsupported": 0, "disliked": 1}


async def test_only_the_newest_are_embedded_and_none_that_the_model_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gaps, "EMBEDDED", 3)
    asked = [question(n, text) for n, text in enumerate(["grinder", "磨豆机怎么退货", "password", "invoice"])]
    embedder = Embedder(multilingual=False)
    assert said(await clustered(asked, embedder)) == [["grinder", "password"], ["磨豆机怎么退货"], ["invoice"]]
    assert embedder.asked == ["grinder", "password"]


async def test_vectors_of_two_embedders_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "EMBED_BATCH", 1)

    class Changing(Embedder):
        async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
            self.asked += texts
            return [Vector([1.0] * len(self.asked), f"model {len(self.asked)}") for _ in texts]

    found = await clustered([question(0, "password"), question(1, "invoice")], Changing())
    assert said(found) == [["password"], ["invoice"]]


async def test_an_embedder_that_is_away_costs_nothing_but_its_say() -> None:
    asked = [question(0, "ship to Norway?"), question(1, "shipping to Norway"), question(2, "password")]
    found = await clustered(asked, Embedder(error=ProviderError("connect")))
    assert said(found) == [["ship to Norway?", "shipping to Norway"], ["password"]]
