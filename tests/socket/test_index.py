"""The index on disk: what is added is found at once, what is removed never again, in this reader and in others."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.rag.types import Passage

SHOP, OTHER = str(uuid7()), str(uuid7())


class Letters:
    """An embedder that counts a, b and c."""

    name = "tests/letters"
    dimensions = 3
    multilingual = True

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        return [[float(text.count(letter)) for letter in "abc"] for text in texts]

    async def aclose(self) -> None:
        pass


def passage(text: str, *, document: str = "", collection: str = SHOP, ordinal: int = 0) -> Passage:
    return Passage(
        chunk=str(uuid7()),
        document=document or str(uuid7()),
        collection=collection,
        title="Handbook",
        text=text,
        ordinal=ordinal,
        heading="Shop › Rules",
        page=ordinal + 1,
        url=None,
        start=3,
        end=3 + len(text),
    )


async def found(index: LanceIndex, query: str, collections: Sequence[str] = (SHOP,)) -> list[str]:
    return [each.text for each in await index.lexical(query, collections, 10)]


async def test_a_missing_index_finds_nothing(uri: str) -> None:
    index = LanceIndex(uri, Letters())
    assert await index.lexical("refund", [SHOP], 5) == []
    assert await index.dense([1.0, 0.0, 0.0], [SHOP], 5) == []
    assert await index.count() == 0
    assert await index.documents() == {}
    await index.remove([str(uuid7())])
    await index.optimize()
    await index.warm()


async def test_a_passage_comes_back_as_it_was_added(uri: str) -> None:
    index = LanceIndex(uri)
    given = passage("Refunds are paid within 14 days.", ordinal=2)
    await index.add([given])
    (result,) = await index.lexical("refunding", [SHOP], 5)
    assert result.lexical is not None
    assert result.lexical > 0
    assert replace(result, lexical=None) == given
    assert await found(index, "rules of the handbook") == [given.text]


async def test_chinese_is_found_by_its_words(uri: str) -> None:
    index = LanceIndex(uri)
    await index.add([passage("退款将在十四天内支付。"), passage("商店每天早上九点开门。")])
    assert (await found(index, "什么时候退款？"))[0] == "退款将在十四天内支付。"
    assert (await found(index, "几点开门"))[0] == "商店每天早上九点开门。"


async def test_long_words_and_case_survive_the_index(uri: str) -> None:
    index = LanceIndex(uri)
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbau"
    await index.add([passage(word), passage("the who")])
    assert await found(index, word.upper()) == [word]
    assert await found(index, "who") == ["the who"], "stop words are searched like others"


async def test_added_rows_are_found_with_and_without_an_index_over_them(uri: str) -> None:
    index = LanceIndex(uri)
    await index.add([passage(f"number{n} bicycle") for n in range(50)])
    await index.optimize()
    assert await index.unindexed() == 0
    await index.add([passage("unicycle number7")])
    assert await index.unindexed() == 1
    assert await found(index, "unicycle") == ["unicycle number7"]
    assert len(await found(index, "number7")) == 2


async def test_only_the_given_collections_are_searched(uri: str) -> None:
    index = LanceIndex(uri, Letters())
    mine, theirs = passage("apple a"), passage("apple b", collection=OTHER)
    await index.add([mine, theirs])
    for each in (mine, theirs):
        await index.put_vectors(each.document, each.collection, [(each.chunk, [1.0, 0.1, 0.0])])
    assert await found(index, "apple") == ["apple a"]
    assert sorted(await found(index, "apple", [SHOP, OTHER])) == ["apple a", "apple b"]
    assert await found(index, "apple", []) == []
    assert [each.text for each in await index.dense([1.0, 0.0, 0.0], [OTHER], 5)] == ["apple b"]
    assert await index.dense([1.0, 0.0, 0.0], [], 5) == []


@pytest.mark.parametrize("name", ["x' OR 'a'='a", "", "apple"])
async def test_no_other_text_than_ids_reaches_a_filter(uri: str, name: str) -> None:
    index = LanceIndex(uri)
    await index.add([passage("apple")])
    with pytest.raises(ValueError, match="badly formed"):
        await index.lexical("apple", [name], 5)
    with pytest.raises(ValueError, match="badly formed"):
        await index.remove([name])
    assert await index.count() == 1


@pytest.mark.parametrize(
    "query", ["", "?!", "的' OR 1=1 --", "AND OR NOT", '"apple', "apple* ~2 ^3", "(", "apple " * 5000]
)
async def test_any_text_is_a_query(uri: str, query: str) -> None:
    index = LanceIndex(uri)
    await index.add([passage("apple")])
    assert await found(index, query) in ([], ["apple"])


async def test_a_replaced_document_is_found_in_its_new_form_only(uri: str) -> None:
    index, reader = LanceIndex(uri), LanceIndex(uri)
    old, new = str(uuid7()), str(uuid7())
    await index.add([passage(f"old price {n}", document=old) for n in range(3)] + [passage("price of another")])
    assert len(await found(reader, "price")) == 4
    await index.replace([old, new], [passage("new price", document=new)])
    for each in (index, reader):
        assert sorted(await found(each, "price")) == ["new price", "price of another"]
    await index.replace([new], [passage("newer price", document=new)])
    assert sorted(await found(reader, "price")) == ["newer price", "price of another"]
    await index.replace([new], [])
    assert await found(reader, "price") == ["price of another"]


async def test_a_replacement_is_never_seen_half(uri: str) -> None:
    index, reader = LanceIndex(uri), LanceIndex(uri)
    ids = [str(uuid7()), str(uuid7())]
    await index.replace(ids, [passage("version 0", document=ids[0])])
    writing = asyncio.create_task(_replace_often(index, ids))
    seen = set()
    while not writing.done():
        texts = await found(reader, "version")
        assert len(texts) == 1
        seen.update(texts)
    await writing
    assert await found(reader, "version") == ["version 12"]
    assert len(seen) > 1


async def _replace_often(index: LanceIndex, ids: list[str]) -> None:
    for n in range(1, 13):
        await index.replace(ids, [passage(f"version {n}", document=ids[n % 2])])


async def test_a_removed_document_is_gone_for_every_reader_and_both_legs(uri: str) -> None:
    index, reader = LanceIndex(uri, Letters()), LanceIndex(uri, Letters())
    one, two = passage("aaa"), passage("bbb")
    await index.add([one, two])
    await index.put_vectors(one.document, SHOP, [(one.chunk, [1.0, 0.0, 0.0])])
    await index.put_vectors(two.document, SHOP, [(two.chunk, [0.0, 1.0, 0.0])])
    await index.optimize()
    assert [each.text for each in await reader.dense([1.0, 0.2, 0.0], [SHOP], 5)] == ["aaa", "bbb"]
    await index.remove([one.document])
    assert await found(reader, "aaa") == []
    (left,) = await reader.dense([1.0, 0.0, 0.0], [SHOP], 5)
    assert left.text == "bbb"
    assert left.dense == pytest.approx(0.0, abs=1e-6)
    assert await reader.documents() == await reader.documents(vectors=True) == {two.document: 1}


async def test_vectors_of_another_embedder_are_not_compared(uri: str) -> None:
    one = passage("aaa")
    index = LanceIndex(uri, Letters())
    await index.add([one])
    await index.put_vectors(one.document, SHOP, [(one.chunk, [1.0, 0.0, 0.0])])
    other = Letters()
    other.name = "tests/other"
    assert await LanceIndex(uri, other).dense([1.0, 0.0, 0.0], [SHOP], 5) == []
    assert await LanceIndex(uri).dense([1.0, 0.0, 0.0], [SHOP], 5) == []


async def test_which_passages_have_a_vector_is_told_of_each_embedder(uri: str) -> None:
    one = passage("aaa")
    two = passage("bbb", document=one.document, ordinal=1)
    index = LanceIndex(uri, Letters())
    await index.add([one, two])
    await index.put_vectors(one.document, SHOP, [(two.chunk, [1.0, 0.0, 0.0])])
    # Of a process that was configured with another one, or none.
    for reader in (index, LanceIndex(uri)):
        assert await reader.embedded(one.document, Letters.name) == {two.chunk}
        assert await reader.embedded(str(uuid7()), Letters.name) == set()
        assert await reader.embedded(one.document, "tests/other") == set()


async def test_vectors_without_a_chunk_are_not_found(uri: str) -> None:
    index = LanceIndex(uri, Letters())
    one = passage("aaa")
    await index.add([one])
    await index.put_vectors(one.document, SHOP, [(one.chunk, [1.0, 0.0, 0.0]), (str(uuid7()), [1.0, 0.0, 0.0])])
    assert [each.chunk for each in await index.dense([1.0, 0.0, 0.0], [SHOP], 5)] == [one.chunk]


async def test_a_rebuild_takes_the_place_of_all_under_an_open_reader(uri: str) -> None:
    index, reader = LanceIndex(uri), LanceIndex(uri)
    await index.add([passage("stale 旧的内容")])
    assert await found(reader, "stale") == ["stale 旧的内容"]
    kept, gone, rebuilder = passage("fresh 新的内容"), passage("deleted 新的内容"), LanceIndex(uri)
    await rebuilder.begin_rebuild()
    await rebuilder.fill_rebuild([kept, gone])
    await index.replace([str(uuid7())], [meanwhile := passage("meanwhile 新的内容")])
    await index.remove([gone.document])
    assert await found(reader, "stale 新的内容") == ["meanwhile 新的内容", "stale 旧的内容"], (
        "the old table serves still"
    )
    await rebuilder.index_rebuild()
    await rebuilder.finish_rebuild()
    assert await found(reader, "stale") == []
    assert sorted(await found(reader, "新的内容")) == [kept.text, meanwhile.text]
    assert await LanceIndex(uri).leftovers([], building=False) == []
    await index.add([passage("later")])
    assert await found(reader, "later") == ["later"]
    await rebuilder.begin_rebuild()  # and killed
    await rebuilder.begin_rebuild()
    await rebuilder.finish_rebuild()
    assert await found(reader, "新的内容") == []
    assert await LanceIndex(uri).leftovers([], building=False) == []


async def test_writers_and_optimisers_of_several_handles_do_not_lose_rows(uri: str) -> None:
    async def write(index: LanceIndex, name: str) -> None:
        for n in range(8):
            await index.add([passage(f"{name}{n}")])

    async def optimise(index: LanceIndex) -> None:
        for _ in range(4):
            await index.optimize()

    await asyncio.gather(
        write(LanceIndex(uri), "left"),
        write(LanceIndex(uri), "right"),
        optimise(LanceIndex(uri)),
        optimise(LanceIndex(uri)),
    )
    reader = LanceIndex(uri)
    assert await reader.count() == 16
    for n in range(8):
        assert await found(reader, f"left{n}") == [f"left{n}"]


async def test_a_folder_deleted_under_a_reader_holds_nothing(uri: str) -> None:
    index = LanceIndex(uri)
    await index.add([passage("apple")])
    assert await found(index, "apple") == ["apple"]
    shutil.rmtree(uri)
    assert await found(index, "apple") == []
    await index.add([passage("apple again")])
    assert await found(index, "apple") == ["apple again"]


async def test_a_cancelled_search_leaves_the_connection_to_the_others(uri: str) -> None:
    index = LanceIndex(uri)
    first = asyncio.create_task(index.lexical("apple", [SHOP], 5))
    await asyncio.sleep(0)
    second = asyncio.create_task(index.lexical("apple", [SHOP], 5))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == []
