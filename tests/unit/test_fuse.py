"""Two rankings become one, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import ProviderError
from chatserver.providers.base import Embedder
from chatserver.rag import retrieve
from chatserver.rag.fuse import DENSE, LEXICAL, UNSEEN, distinct, fuse, joined
from chatserver.rag.retrieve import Retriever
from chatserver.rag.types import Passage
from tests.memory_index import MemoryIndex


def passage(chunk: str, text: str = "", *, document: str = "", **fields: float) -> Passage:
    given = {"chunk": chunk, "document": document or chunk, "collection": "c", "title": "", "text": text or chunk}
    return Passage(**given, **fields)  # type: ignore[arg-type]


def ranking(found: Sequence[Passage]) -> list[tuple[str, float]]:
    return [(each.chunk, round(each.score, 3)) for each in found]


def test_each_leg_counts_by_its_weight() -> None:
    lexical = [passage("a", lexical=8.0), passage("b", lexical=4.0)]
    dense = [passage("b", dense=0.8), passage("c", dense=0.6)]
    fused = fuse(lexical, dense, depth=3)
    last = UNSEEN * 0.75
    assert {each.chunk: each.score for each in fused} == {
        "a": pytest.approx(LEXICAL + DENSE * last),  # its vector may not be made yet
        "b": pytest.approx(LEXICAL * 0.5 + DENSE),
        "c": pytest.approx(DENSE * 0.75),  # all that hold a word of the question were found
    }
    assert (fused[1].lexical, fused[1].dense) == (4.0, 0.8), "the legs' own scores are kept"


def test_what_only_one_full_leg_found_is_worth_a_little_less_than_the_last_of_the_other() -> None:
    lexical = [passage("a", lexical=8.0), passage("b", lexical=4.0)]
    dense = [passage("c", dense=0.8), passage("b", dense=0.4)]
    scores = dict(ranking(fuse(lexical, dense, depth=2)))
    assert scores["c"] == round(LEXICAL * UNSEEN * 0.5 + DENSE, 3)
    assert scores["a"] == round(LEXICAL + DENSE * UNSEEN * 0.5, 3)


def test_without_the_dense_leg_words_decide_alone() -> None:
    found = [passage("a", lexical=8.0), passage("b", lexical=2.0)]
    assert ranking(fuse(found, None, depth=2)) == [("a", 1.0), ("b", 0.25)]


def test_opposite_vectors_take_nothing_away() -> None:
    assert ranking(fuse([passage("a", lexical=1.0)], [passage("a", dense=-0.5)], depth=1)) == [("a", LEXICAL)]


def test_equal_scores_have_an_order() -> None:
    one, two = passage("a", lexical=1.0), passage("b", lexical=1.0)
    assert ranking(fuse([one, two], None, depth=2)) == ranking(fuse([two, one], None, depth=2))


@given(st.lists(st.floats(-1, 100), max_size=8), st.lists(st.floats(-1, 1), max_size=8))
def test_scores_are_shares_and_descend(lexical: list[float], dense: list[float]) -> None:
    fused = fuse(
        [passage(f"{n}", lexical=score) for n, score in enumerate(lexical)],
        [passage(f"{n}", dense=score) for n, score in enumerate(dense)],
        depth=6,
    )
    scores = [each.score for each in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len(fused) == max(len(lexical), len(dense))


def test_no_text_comes_twice() -> None:
    text = (
        "The  same text, which is said in more words than one, and then in some more, until it is as long as a passage."
    )
    ranked = [passage("a", text), passage("b", text[:-1].lower()), passage("c", "Another.")]
    assert [each.chunk for each in distinct(ranked, 5)] == ["a", "c"]


@pytest.mark.parametrize(("start", "kept"), [(40, ["a", "b"]), (60, ["a", "b"]), (30, ["a"]), (0, ["a"])])
def test_of_pieces_that_overlap_by_more_than_half_the_better_stays(start: int, kept: list[str]) -> None:
    ranked = [
        passage("a", "one", document="d", start=0, end=60),
        passage("b", "two", document="d", start=start, end=start + 40),
    ]
    assert [each.chunk for each in distinct(ranked, 5)] == kept
    assert len(distinct([ranked[0], passage("b", "two", document="e", start=start, end=start + 40)], 5)) == 2


def test_no_more_than_asked_for() -> None:
    assert [each.chunk for each in distinct([passage("a"), passage("b"), passage("c")], 2)] == ["a", "b"]


PRICES = (
    "The small pot of white stoneware holds four cups, keeps warm and costs {} pounds at our shop in the old harbour."
)


def test_a_copy_with_a_small_change_is_one_text_and_another_number_is_not() -> None:
    one = passage("a", PRICES.format(30))
    copy = passage("b", PRICES.format(30).replace("harbour", "harbor"))
    other = passage("c", PRICES.format(35))
    assert [each.chunk for each in distinct([one, copy, other], 5)] == ["a", "c"]


TEXT = "One sentence here.\n\nA second one. And a third."


def piece(chunk: str, start: int, end: int, ordinal: int, **more: Any) -> Passage:
    return Passage(
        chunk=chunk,
        document="d",
        collection="c",
        title="",
        text=TEXT[start:end],
        start=start,
        end=end,
        ordinal=ordinal,
        **more,
    )


def test_neighbours_of_a_section_are_read_as_one_text() -> None:
    first, second, third = piece("a", 0, 18, 0), piece("b", 20, 33, 1), piece("c", 34, 46, 2)
    (found,) = joined([second, third, first], 1)
    assert (found.chunk, found.text, found.start, found.end) == ("b", TEXT, 0, 46)
    overlapping = joined([piece("b", 20, 46, 1), piece("a", 0, 33, 0)], 5)
    assert [each.text for each in overlapping] == [TEXT]


def test_other_sections_pages_and_documents_stay_apart() -> None:
    first = piece("a", 0, 18, 0)
    apart = [piece("b", 20, 33, 1, heading="Other"), piece("c", 20, 33, 1, page=2), piece("d", 34, 46, 2)]
    assert joined([first, *apart], 5) == [first, *apart]
    assert joined([first, *apart], 2) == [first, apart[0]]


# --- the retriever ---------------------------------------------------------------------------------------------------


class Vectors:
    """Knows that a spire is a tower."""

    name = "test"
    dimensions = 2

    def __init__(self, *, multilingual: bool = True, error: Exception | None = None) -> None:
        self.multilingual = multilingual
        self.error = error
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        assert query
        if self.error:
            raise self.error
        self.asked += texts
        return [[1.0, 0.0]]

    async def aclose(self) -> None:
        pass


@pytest.fixture
def index() -> MemoryIndex:
    made = MemoryIndex()
    made.add(passage("tower", "The tower is old."), [1.0, 0.0])
    made.add(passage("bus", "Buses are my own."), [0.0, 1.0])
    return made


async def test_both_legs_are_asked(index: MemoryIndex) -> None:
    embedder: Embedder = Vectors()
    assert (await Retriever(index).retrieve("spire", ["c"], 5)) == []
    found = await Retriever(index, embedder).retrieve("spire", ["c"], 1)
    assert [each.chunk for each in found] == ["tower"]


async def test_words_that_only_ask_find_nothing(index: MemoryIndex) -> None:
    assert [each.chunk for each in await Retriever(index).retrieve("What is my own tower?", ["c"], 5)] == ["tower"]
    assert [each.chunk for each in await Retriever(index).retrieve("my own", ["c"], 5)] == ["bus"], "unless all do"


async def test_only_the_given_documents_are_searched(index: MemoryIndex) -> None:
    found = await Retriever(index, Vectors()).search("tower", ["c"], 5, ["bus"])
    assert [each.chunk for each in found.passages] == ["bus"]


class Reversing:
    """Finds the last text best."""

    name = "reversing"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def rank(self, query: str, texts: Sequence[str]) -> list[float]:
        if self.error:
            raise self.error
        return [float(n) for n in range(len(texts))]

    async def aclose(self) -> None:
        pass


async def test_a_reranker_has_the_last_word_and_its_failure_leaves_the_order(index: MemoryIndex) -> None:
    for reranker, expected in (
        (Reversing(), ["bus", "tower"]),
        (Reversing(ProviderError("server", "")), ["tower", "bus"]),
    ):
        found = await Retriever(index, Vectors(), reranker).search("tower", ["c"], 5)
        assert [each.chunk for each in found.passages] == expected


@pytest.mark.parametrize("error", [ProviderError("connect", "away"), TimeoutError()])
async def test_an_embedder_that_fails_costs_its_leg_only(
    index: MemoryIndex, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    retriever = Retriever(index, Vectors(error=error))
    for _ in range(3):
        assert [each.chunk for each in await retriever.retrieve("tower", ["c"], 5)] == ["tower"]
    assert len(caplog.records) == 1, "said once, not for each question"


async def test_chinese_questions_are_not_asked_of_an_english_embedder(index: MemoryIndex) -> None:
    english, both = Vectors(multilingual=False), Vectors()
    for embedder in (english, both):
        await Retriever(index, embedder).retrieve("塔有多高？", ["c"], 5)
        await Retriever(index, embedder).retrieve("How high is it?", ["c"], 5)
    assert (len(english.asked), len(both.asked)) == (1, 2)


async def test_a_long_question_is_searched_by_its_beginning(index: MemoryIndex) -> None:
    embedder = Vectors()
    await Retriever(index, embedder).retrieve("tower " * 2_000, ["c"], 5)
    assert [len(text) for text in embedder.asked] == [retrieve.QUERY_CHARS]


@pytest.mark.parametrize(("query", "collections", "k"), [(" ", ["c"], 5), ("tower", [], 5), ("tower", ["c"], 0)])
async def test_nothing_to_search_finds_nothing(index: MemoryIndex, query: str, collections: list[str], k: int) -> None:
    assert await Retriever(index, Vectors()).retrieve(query, collections, k) == []


async def test_other_collections_are_not_found(index: MemoryIndex) -> None:
    assert await Retriever(index, Vectors()).retrieve("tower", ["other"], 5) == []
