"""Two rankings become one, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import ProviderError
from chatserver.providers.base import Embedder
from chatserver.rag import retrieve
from chatserver.rag.fuse import distinct, fuse
from chatserver.rag.retrieve import Retriever
from chatserver.rag.types import Passage
from tests.memory_index import MemoryIndex


def passage(chunk: str, text: str = "", *, document: str = "", **fields: float) -> Passage:
    given = {"chunk": chunk, "document": document or chunk, "collection": "c", "title": "", "text": text or chunk}
    return Passage(**given, **fields)  # type: ignore[arg-type]


def ranking(found: Sequence[Passage]) -> list[tuple[str, float]]:
    return [(each.chunk, round(each.score, 3)) for each in found]


def test_each_leg_counts_half_of_its_best() -> None:
    lexical = [passage("a", lexical=8.0), passage("b", lexical=4.0)]
    dense = [passage("b", dense=0.8), passage("c", dense=0.6)]
    fused = fuse(lexical, dense)
    assert ranking(fused) == [("b", 0.75), ("a", 0.5), ("c", 0.375)]
    assert (fused[0].lexical, fused[0].dense) == (4.0, 0.8), "the legs' own scores are kept"


def test_without_the_dense_leg_words_decide_alone() -> None:
    assert ranking(fuse([passage("a", lexical=8.0), passage("b", lexical=2.0)], None)) == [("a", 1.0), ("b", 0.25)]


def test_opposite_vectors_take_nothing_away() -> None:
    assert ranking(fuse([passage("a", lexical=1.0)], [passage("a", dense=-0.5)])) == [("a", 0.5)]


def test_equal_scores_have_an_order() -> None:
    one, two = passage("a", lexical=1.0), passage("b", lexical=1.0)
    assert ranking(fuse([one, two], None)) == ranking(fuse([two, one], None))


@given(st.lists(st.floats(-1, 100), max_size=8), st.lists(st.floats(-1, 1), max_size=8))
def test_scores_are_shares_and_descend(lexical: list[float], dense: list[float]) -> None:
    fused = fuse(
        [passage(f"{n}", lexical=score) for n, score in enumerate(lexical)],
        [passage(f"{n}", dense=score) for n, score in enumerate(dense)],
    )
    scores = [each.score for each in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len(fused) == max(len(lexical), len(dense))


def test_no_text_comes_twice() -> None:
    ranked = [passage("a", "The  same text."), passage("b", "the same text"), passage("c", "Another.")]
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
