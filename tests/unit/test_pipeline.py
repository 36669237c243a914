"""From a question to a cited answer, with an index in memory and a model that says what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chatserver.errors import ProviderError, Unavailable
from chatserver.providers import extractive
from chatserver.providers.base import ChatModel, Finish, Prompt, Text, Usage
from chatserver.providers.extractive import Extractive
from chatserver.providers.replies import nothing_found, nothing_quotable
from chatserver.providers.scripted import ScriptedChat
from chatserver.rag.pipeline import Pipeline
from chatserver.rag.retrieve import Retriever
from chatserver.rag.types import Delta, Done, Part, Passage, Question, Sources, Stage, Turn
from tests.memory_index import MemoryIndex

TEXTS = {
    "tower": "The Marlow tower was built in 1889. It has 214 steps.",
    "bus": "The bus to the Marlow tower leaves every twenty minutes.",
    "tea": "Tea is served in the garden.",
    "library": "青石图书馆每天早上九点开放。",
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractive, "PAUSE_SECONDS", 0)


@pytest.fixture
def index() -> MemoryIndex:
    made = MemoryIndex()
    for name, text in TEXTS.items():
        made.add(
            Passage(
                chunk=name,
                document=f"{name}.pdf",
                collection="c",
                title=name.title(),
                heading="Facts",
                text=text,
                page=2,
                url=f"https://x/{name}",
            )
        )
    return made


async def answer(index: MemoryIndex, model: ChatModel, text: str, *history: Turn, passages: int = 6) -> list[Part]:
    question = Question(text=text, collections=("c",), history=history)
    return [part async for part in Pipeline(Retriever(index), model, passages=passages).run(question)]


def done(parts: list[Part]) -> Done:
    *others, last = parts
    assert isinstance(last, Done)
    assert not any(isinstance(part, Done) for part in others)
    if not last.unsupported:
        assert "".join(part.text for part in others if isinstance(part, Delta)) == last.text
    return last


async def test_an_answer_comes_in_its_order(index: MemoryIndex) -> None:
    parts = await answer(index, ScriptedChat("In 1889. [1]"), "When was the Marlow tower built?")
    assert [type(part) for part in parts[:3]] == [Stage, Sources, Stage]
    assert (parts[0], parts[2]) == (Stage("searching"), Stage("writing"))
    sources = parts[1]
    assert isinstance(sources, Sources)
    assert [(source.n, source.document) for source in sources.sources] == [(1, "tower.pdf"), (2, "bus.pdf")]
    first = sources.sources[0]
    assert (first.title, first.url, first.where) == ("Tower", "https://x/tower", "p. 2, Facts")
    assert first.quote == "The Marlow tower was built in 1889. It has 214 steps."
    end = done(parts)
    assert end.text == "In 1889. [1]"
    assert end.sources == (first,)
    assert end.usage == Usage(2, 3)
    assert (end.found, end.cut) == (True, False)


async def test_only_sources_that_were_cited_stay(index: MemoryIndex) -> None:
    end = done(await answer(index, ScriptedChat("By bus [2], not by rail [7]."), "How do I get to the Marlow tower?"))
    assert end.text == "By bus [2], not by rail."
    assert [source.n for source in end.sources] == [2]


async def test_a_model_that_writes_may_cite_nothing(index: MemoryIndex) -> None:
    end = done(await answer(index, ScriptedChat("I can't tell."), "When was the Marlow tower built?"))
    assert (end.sources, end.found) == ((), True)


async def test_no_more_passages_than_set(index: MemoryIndex) -> None:
    model = ScriptedChat()
    await answer(index, model, "When was the Marlow tower built?", passages=1)
    assert [excerpt.n for excerpt in model.prompts[0].excerpts] == [1]


@pytest.mark.parametrize("text", ["Who won the football world cup?", "北京的人口是多少？"])
async def test_what_is_not_in_the_documents_is_not_asked_of_the_model(index: MemoryIndex, text: str) -> None:
    model = ScriptedChat("Brazil, I guess.")
    parts = await answer(index, model, text)
    assert parts == [Stage("searching"), Delta(nothing_found(text)), Done(nothing_found(text), (), found=False)]
    assert model.prompts == []


async def test_small_talk_is_not_searched(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(MemoryIndex, "lexical")
    parts = await answer(index, Extractive(), "Hello!")
    assert [part for part in parts if not isinstance(part, Delta)][:2] == [Stage("searching"), Stage("writing")]
    assert (done(parts).found, done(parts).sources) == (True, ())


async def test_quotes_are_cited_and_found(index: MemoryIndex) -> None:
    end = done(await answer(index, Extractive(), "图书馆什么时候开放？"))
    assert end.text == "青石图书馆每天早上九点开放。[1]"
    assert [source.document for source in end.sources] == ["library.pdf"]


async def test_nothing_quotable_is_not_found() -> None:
    index = MemoryIndex()
    index.add(Passage(chunk="a", document="a", collection="c", title="Tower height", text='{"a": 1};'))
    end = done(await answer(index, Extractive(), "What is the height of the tower?"))
    assert end.text == nothing_quotable("What is the height of the tower?")
    assert (end.sources, end.found) == ((), False)


async def test_a_follow_up_is_searched_with_its_subject(index: MemoryIndex) -> None:
    earlier = (Turn("user", "Where is the Marlow tower?"), Turn("assistant", "By the harbour."))
    end = done(await answer(index, Extractive(), "When was it built?", *earlier))
    assert end.text.startswith("The Marlow tower was built in 1889.")
    model = ScriptedChat("When was the Marlow tower built?")
    await answer(index, model, "When was it built?", *earlier)
    _, writing = model.prompts
    assert writing.question == "When was the Marlow tower built?"
    assert writing.messages[-1].content.endswith("Question: When was it built?"), "the model sees what was said"


async def test_an_answer_that_ran_into_its_limit_is_cut(index: MemoryIndex) -> None:
    end = done(await answer(index, ScriptedChat("In 18", reason="length"), "When was the Marlow tower built?"))
    assert (end.text, end.cut) == ("In 18", True)


async def test_a_models_failure_passes_after_what_was_said(index: MemoryIndex) -> None:
    model = ScriptedChat("In 1889", error=ProviderError("between", "silent"))
    question = Question(text="When was the Marlow tower built?", collections=("c",))
    parts = Pipeline(Retriever(index), model).run(question)
    said = [await anext(parts) for _ in range(5)]
    assert "".join(part.text for part in said if isinstance(part, Delta)) == "In 1889"
    with pytest.raises(ProviderError, match="silent"):
        await anext(parts)


class Unfinished:
    name = "unfinished"
    writes = True

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        yield Text("In ")

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize(
    ("model", "reason"), [(Unfinished(), "cut"), (ScriptedChat(""), "empty"), (ScriptedChat("[9]"), "empty")]
)
async def test_half_an_answer_and_none_are_failures(index: MemoryIndex, model: ChatModel, reason: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await answer(index, model, "When was the Marlow tower built?")
    assert caught.value.kind == reason


async def test_an_index_that_is_away_is_said_so(index: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> list[Passage]:
        raise Unavailable("away")

    monkeypatch.setattr(index, "lexical", away)
    with pytest.raises(Unavailable):
        await answer(index, ScriptedChat(), "When was the Marlow tower built?")


async def test_closing_the_answer_closes_the_models_stream(index: MemoryIndex) -> None:
    model = ScriptedChat("In 1889, that is", hold=asyncio.Event())
    parts = Pipeline(Retriever(index), model).run(Question(text="When was the Marlow tower built?", collections=("c",)))
    async for part in parts:
        if isinstance(part, Delta):
            break
    assert model.abandoned == 0
    await parts.aclose()
    assert model.abandoned == 1


async def test_cancelling_the_task_closes_the_models_stream(index: MemoryIndex) -> None:
    model = ScriptedChat("In 1889", hold=asyncio.Event())
    writing = asyncio.Event()
    question = Question(text="When was the Marlow tower built?", collections=("c",))

    async def read() -> None:
        async for part in Pipeline(Retriever(index), model).run(question):
            if isinstance(part, Delta):
                writing.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(writing.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.abandoned == 1


async def test_what_no_database_can_hold_does_not_come_through(index: MemoryIndex) -> None:
    parts = await answer(index, ScriptedChat("It has\0 214 \ud83d steps. [1]"), "How many steps has the tower?")
    assert "".join(part.text for part in parts if isinstance(part, Delta)) == "It has 214 \ufffd steps. [1]"
    assert done(parts).text == "It has 214 \ufffd steps. [1]"


async def test_an_answer_of_nothing_but_that_is_empty(index: MemoryIndex) -> None:
    with pytest.raises(ProviderError, match="empty"):
        await answer(index, ScriptedChat("\0\0"), "How many steps has the tower?")


async def test_a_citation_that_says_something_else_is_taken_out_and_counted(index: MemoryIndex) -> None:
    said = "The tower was built in 1889 [1]. Its architect was born in Lisbon and loved sardines [1]."
    end = done(await answer(index, ScriptedChat(said), "When was the Marlow tower built?"))
    assert end.text == "The tower was built in 1889 [1]. Its architect was born in Lisbon and loved sardines."
    assert (end.unsupported, [source.n for source in end.sources]) == (1, [1])


async def test_an_answer_without_a_citation_left_has_no_sources(index: MemoryIndex) -> None:
    end = done(await answer(index, ScriptedChat("Lisbon has many sardines [1]."), "When was the Marlow tower built?"))
    assert (end.text, end.sources, end.unsupported) == ("Lisbon has many sardines.", (), 1)


async def test_a_source_says_where_its_quote_stands(index: MemoryIndex) -> None:
    (source, *_) = done(await answer(index, Extractive(), "How many steps has the Marlow tower?")).sources
    assert TEXTS["tower"][source.start : source.end] == source.quote
    assert (source.page, source.heading, source.where) == (2, "Facts", "p. 2, Facts")


async def test_what_is_withheld_from_a_room_is_named_when_nothing_else_is_found(index: MemoryIndex) -> None:
    question = Question(text="Who won the football world cup?", collections=("c",), withheld=True)
    parts = [part async for part in Pipeline(Retriever(index), ScriptedChat("Brazil.")).run(question)]
    assert "a room of your own" in done(parts).text
