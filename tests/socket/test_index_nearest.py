"""Vectors that are looked for at once: each question gets what it would have got alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatserver.errors import Unavailable
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.index_nearest import TOGETHER, Nearest
from chatserver.rag.types import Passage
from tests.socket.test_index import OTHER, SHOP, Letters, passage

QUESTIONS = [[float(a), float(b), float(c)] for a in range(1, 5) for b in range(5) for c in range(5)]
NEIGHBOURS = 7


@pytest.fixture
async def index(tmp_path: Path) -> LanceIndex:
    index = LanceIndex(str(tmp_path / "index"), Letters())
    for collection in (SHOP, OTHER):
        texts = ["a" * (1 + n % 7) + "b" * (n % 5) + "c" * (n % 3) for n in range(60)]
        document = str(uuid7())
        rows = [passage(text, document=document, collection=collection, ordinal=n) for n, text in enumerate(texts)]
        await index.add(rows)
        vectors = await Letters().embed(texts)
        await index.put_vectors(document, collection, [(r.chunk, v) for r, v in zip(rows, vectors, strict=True)])
    return index


def told(passages: list[Passage]) -> list[float | None]:
    """Of what is equally near any may be among the last, so the cosines are compared."""
    return [each.dense and round(each.dense, 6) for each in passages]


@pytest.mark.parametrize("collections", [(SHOP, OTHER), (SHOP,)], ids=["all", "filtered"])
async def test_questions_at_once_find_what_they_find_alone(index: LanceIndex, collections: tuple[str, ...]) -> None:
    assert len(QUESTIONS) > 2 * TOGETHER
    alone = [await index.dense(question, collections, NEIGHBOURS) for question in QUESTIONS]
    at_once = await asyncio.gather(*(index.dense(question, collections, NEIGHBOURS) for question in QUESTIONS))
    for one, other in zip(alone, at_once, strict=True):
        assert len(other) == NEIGHBOURS
        assert told(one) == told(other)
        assert {each.collection for each in other} <= {*collections}


async def test_questions_at_once_share_queries(index: LanceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    query = Nearest._query

    async def counted(self: Nearest, kind: tuple[str, int, int], vectors: list[list[float]]) -> list[dict[int, float]]:
        asked.append(len(vectors))
        return await query(self, kind, vectors)

    monkeypatch.setattr(Nearest, "_query", counted)
    await asyncio.gather(*(index.dense(question, [SHOP, OTHER], NEIGHBOURS) for question in QUESTIONS))
    assert sum(asked) == len(QUESTIONS)
    assert max(asked) <= TOGETHER
    assert len(asked) <= len(QUESTIONS) // TOGETHER + 2


async def test_a_question_that_is_given_up_takes_nothing_from_the_others(index: LanceIndex) -> None:
    searches = [asyncio.create_task(index.dense(question, [SHOP], NEIGHBOURS)) for question in QUESTIONS[:20]]
    for given_up in searches[::2]:
        given_up.cancel()
    found = await asyncio.gather(*searches, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
    assert all(isinstance(each, list) and len(each) == NEIGHBOURS for each in found[1::2])


async def test_a_vector_of_another_length_fails_alone(index: LanceIndex) -> None:
    wrong, right = await asyncio.gather(
        index.dense([1.0, 2.0], [SHOP], NEIGHBOURS),
        index.dense(QUESTIONS[0], [SHOP], NEIGHBOURS),
        return_exceptions=True,
    )
    assert isinstance(wrong, Unavailable)
    assert isinstance(right, list)
    assert len(right) == NEIGHBOURS
