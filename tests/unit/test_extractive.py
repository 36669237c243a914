"""The model that quotes: Markdown in which every citation is ours and stands after what it belongs to."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatserver.providers import extractive
from chatserver.providers.base import Excerpt, Finish, Prompt, Text
from chatserver.providers.extractive import PAUSES_MAX, THREAD_CHARS, Extractive
from chatserver.providers.replies import is_small_talk, nothing_quotable, small_talk
from chatserver.rag.citations import Citations

TOWER = "The Marlow tower was built in 1889. It has 214 steps."


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractive, "PAUSE_SECONDS", 0)


def prompt(question: str, *texts: str, heading: str = "", locale: str = "en") -> Prompt:
    shown = tuple(Excerpt(n=n, text=text, heading=heading, score=1 / n) for n, text in enumerate(texts, 1))
    return Prompt(messages=(), question=question, excerpts=shown, locale=locale)


async def parts(asked: Prompt) -> list[Text | Finish]:
    return [item async for item in Extractive().stream(asked)]


async def said(asked: Prompt) -> str:
    *pieces, finish = await parts(asked)
    assert finish == Finish("stop")
    return "".join(item.text for item in pieces if isinstance(item, Text))


@pytest.mark.parametrize(
    ("question", "texts", "expected"),
    [
        ("When was the tower built?", [TOWER], "The Marlow tower was built in 1889. [1]"),
        ("图书馆在哪里？", ["图书馆位于老城区。"], "图书馆位于老城区。[1]"),
        (
            "When was the tower built?",
            ["The tower was built of stone in 1889.", "Of all, this tower was built first, by monks."],
            "The tower was built of stone in 1889. [1]\n\nOf all, this tower was built first, by monks. [2]",
        ),
        (
            "What was built when?",
            ["The tower was built in 1889. The museum was built in 1955."],
            "The tower was built in 1889. The museum was built in 1955. [1]",
        ),
        (
            "How much is tea, how much is bun?",
            ["Fees\n\nitem | fee\ntea | 2 francs\nbun | 3 francs"],
            "- tea: 2 francs [1]\n- bun: 3 francs [1]",
        ),
    ],
)
async def test_what_is_quoted_is_cited(question: str, texts: list[str], expected: str) -> None:
    assert await said(prompt(question, *texts)) == expected


async def test_code_is_fenced_after_the_citation() -> None:
    asked = prompt(
        "How do I run it?", "Run it\n\nOn a server:\n\n````sh\n```\nmake run [1]\n````\n\nDone.", heading="Run it"
    )
    text = await said(asked)
    assert text == "On a server: [1]\n\n````sh\n```\nmake run [1]\n````"
    citations = Citations([1])
    assert citations.feed(text) + citations.end() == text, "what is in code stays"
    assert citations.cited == (1,)


@pytest.mark.parametrize(
    ("sentence", "plain"),
    [
        ("The tower was built in 1889.[3]", "The tower was built in 1889."),
        ("The tower [2, 3] was built in 1889.", "The tower `[2, 3]` was built in 1889."),
        ("The tower was built【12】in 1889.", "The tower was built in 1889."),
        ("The tower was built as `x[1]` in 1889 [2].", "The tower was built as `x[1]` in 1889."),
        ("The tower was ``built`` in 1889.", "The tower was built in 1889."),
        ("The tower was built in 1889 [3] [4].", "The tower was built in 1889."),
        ("The tower was built by argv[1] = 1889.", "The tower was built by `argv[1]` = 1889."),
        ("The tower was `built in 1889.", "The tower was built in 1889."),
        ("## The tower was built\nin 1889.", "The tower was built in 1889."),
        ("The tower was [built](x) in 1889.", "The tower was [built](x) in 1889."),
        ("The tower was built in 1889 \\", "The tower was built in 1889"),
    ],
)
async def test_a_documents_own_marks_are_no_citations(sentence: str, plain: str) -> None:
    text = await said(prompt("When was the tower built?", sentence))
    assert text == f"{plain} [1]"
    citations = Citations([1, 2, 3, 12])
    assert citations.feed(text) + citations.end() == text
    assert citations.cited == (1,)


@given(sentence=st.text(alphabet="tower 1[]`\\~【】(|#-.\n", max_size=60))
@example(sentence="~`~~")
@example(sentence="~[1]~~")
@example(sentence="\\`1`")
@settings(max_examples=200, deadline=None)
def test_no_sentence_swallows_or_forges_a_citation(sentence: str) -> None:
    text = asyncio.run(said(prompt("Which tower?", f"{sentence} tower of Marlow")))
    citations = Citations([1, 11, 111])
    assert citations.feed(text) + citations.end() == text
    assert citations.cited in ((), (1,))
    assert citations.cited or text == nothing_quotable("Which tower?")


async def test_the_same_prompt_gives_the_same_text_in_the_same_pieces() -> None:
    asked = prompt("When was the tower built, and how many steps has it?", TOWER, "塔有214级台阶。")
    assert await parts(asked) == await parts(asked)


async def test_no_piece_is_empty_and_they_are_words() -> None:
    *pieces, _ = await parts(prompt("When was the tower built?", TOWER))
    assert [item.text for item in pieces if isinstance(item, Text)] == [
        "The ", "Marlow ", "tower ", "was ", "built ", "in ", "1889. ", "[1]",
    ]  # fmt: skip
    *pieces, _ = await parts(prompt("图书馆在哪里？", "图书馆位于老城区。"))
    assert all(0 < len(item.text) <= 3 for item in pieces if isinstance(item, Text))


async def test_long_excerpts_are_searched_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    real = asyncio.to_thread

    async def spy(call: object, *args: object) -> object:
        calls.append(call)
        return await real(call, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "to_thread", spy)
    await said(prompt("When was the tower built?", TOWER))
    assert calls == []
    assert "1889" in await said(prompt("When was the tower built?", TOWER, "Rain fell. " * (THREAD_CHARS // 10)))
    assert len(calls) == 1


async def test_pauses_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await said(prompt("Which tower?", "tower " * (PAUSES_MAX // 2) + "one.", "A tower " + "x " * PAUSES_MAX + "two."))
    assert len(pauses) == PAUSES_MAX


@pytest.mark.parametrize("locale", ["en", "zh"])
async def test_where_nothing_fits_it_says_so(locale: str) -> None:
    for question, text in (("Who?", TOWER), ("是谁？", TOWER), ("When was the tower built?", "{;}")):
        assert await said(prompt(question, text, locale=locale)) == nothing_quotable(question, locale)


@pytest.mark.parametrize("question", ["Hello!", "谢谢", "who are you?"])
async def test_small_talk_is_answered_in_kind(question: str) -> None:
    assert is_small_talk(question)
    assert await said(prompt(question)) == small_talk(question)


async def test_it_claims_no_skill_it_has_not() -> None:
    model = Extractive()
    assert not model.writes
    await model.aclose()
