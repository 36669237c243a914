"""A follow-up question gets its subject from the ones before it: by a model, or by putting them before it."""

from __future__ import annotations

import asyncio

import pytest

from chatserver.errors import ProviderError
from chatserver.providers.extractive import Extractive
from chatserver.providers.scripted import ScriptedChat
from chatserver.rag import rewrite
from chatserver.rag.rewrite import REWRITE_CHARS, standalone, widened
from chatserver.rag.types import Question, Turn


def after(*earlier: str, text: str) -> Question:
    history = [turn for said in earlier for turn in (Turn("user", said), Turn("assistant", "The lighthouse. [1]"))]
    return Question(text=text, history=tuple(history))


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ("Where is the Marlow lighthouse?", "When was it opened?"),
        ("Where is the Marlow lighthouse?", "And in winter?"),
        ("Where is the Marlow lighthouse?", "Why?"),
        ("Where is the Marlow lighthouse?", "What about the opening hours?"),
        ("Where is the Marlow lighthouse?", "And how do I book it?"),
        ("青石图书馆在哪里？", "它在什么时候开放？"),
        ("青石图书馆在哪里？", "那冬天呢？"),
        ("青石图书馆在哪里？", "为什么？"),
    ],
)
def test_a_question_that_leans_is_widened(first: str, text: str) -> None:
    assert widened(after(first, text=text)) == f"{first}\n{text}"


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ("How do I connect a language model?", "And how do I embed the widget?"),
        ("How do I connect a language model?", "How many messages may a user send?"),
        ("怎样接入语言模型？", "那么如何把挂件嵌入网页？"),
        ("怎样接入语言模型？", "产品的保修期是多久？"),
    ],
)
def test_a_question_of_its_own_is_not(first: str, text: str) -> None:
    assert widened(after(first, text=text)) == text


def test_several_questions_that_lean_reach_back_to_their_subject() -> None:
    question = after("Who wrote the harbour guide?", "Where is the lighthouse?", "When was it built?", text="And why?")
    assert widened(question) == "Where is the lighthouse?\nWhen was it built?\nAnd why?"


def test_it_does_not_reach_back_for_ever() -> None:
    question = after("Where is the lighthouse?", "Why?", "How?", "When?", text="And then?")
    assert widened(question) == "Why?\nHow?\nWhen?\nAnd then?"


def test_an_answer_gives_no_subject() -> None:
    question = Question(text="When was it opened?", history=(Turn("assistant", "Welcome to the lighthouse."),))
    assert widened(question) == "When was it opened?"


async def test_a_model_rewrites() -> None:
    model = ScriptedChat('Question: "When was the Marlow lighthouse opened?"\n')
    question = after("Where is the Marlow lighthouse?", text="When was it opened?")
    assert await standalone(question, model) == "When was the Marlow lighthouse opened?"
    (asked,) = model.prompts
    assert asked.messages[-1].content == (
        "User: Where is the Marlow lighthouse?\n\nAssistant: The lighthouse. [1]\n\nLast message: When was it opened?"
    )
    assert asked.excerpts == ()


async def test_a_model_is_asked_in_chinese_about_a_chinese_question() -> None:
    model = ScriptedChat("问题：青石图书馆什么时候开放？")
    assert await standalone(after("青石图书馆在哪里？", text="它什么时候开放？"), model) == "青石图书馆什么时候开放？"
    assert model.prompts[0].messages[-1].content.endswith("最后一条消息: 它什么时候开放？")


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("How many messages may a visitor of the widget send each minute?", 0),
        ("产品手册里规定的笔记本电脑保修期限是多长时间？", 0),
        ("How many messages may they send to that widget each minute?", 1),
        ("And how many messages may a visitor of the widget send each minute?", 1),
        ("Which is cheaper?", 1),
        ("哪个更便宜？", 1),
    ],
)
async def test_a_question_that_plainly_stands_alone_costs_no_call(text: str, calls: int) -> None:
    model = ScriptedChat("What is a room?")
    await standalone(after("What is a room?", text=text), model)
    assert len(model.prompts) == calls


async def test_a_first_question_costs_no_call() -> None:
    model = ScriptedChat("x")
    assert await standalone(Question(text=" When was it opened? "), model) == "When was it opened?"
    assert model.prompts == []


@pytest.mark.parametrize(
    "model",
    [
        ScriptedChat("", error=ProviderError("connect", "away")),
        ScriptedChat("Half a", error=ProviderError("cut", "cut off")),
        ScriptedChat("Sure, here it is:\n\nWhen was it opened?"),
        ScriptedChat("many words " * REWRITE_CHARS),
        ScriptedChat(""),
        Extractive(),
    ],
    ids=["away", "cut", "chatty", "endless", "silent", "quoting"],
)
async def test_without_a_rewriting_the_earlier_question_is_put_before(model: ScriptedChat | Extractive) -> None:
    question = after("Where is the Marlow lighthouse?", text="When was it opened?")
    assert await standalone(question, model) == "Where is the Marlow lighthouse?\nWhen was it opened?"


async def test_a_slow_rewriting_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "REWRITE_SECONDS", 0.01)
    model = ScriptedChat("When", hold=asyncio.Event())
    question = after("Where is the Marlow lighthouse?", text="When was it opened?")
    assert await standalone(question, model) == "Where is the Marlow lighthouse?\nWhen was it opened?"
    assert model.abandoned == 1, "its stream is closed"
