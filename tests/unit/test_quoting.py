"""Which sentences are quoted: those that hold the answer, from the section that names it, with the code after them."""

from __future__ import annotations

import pytest

from chatserver.providers.base import Excerpt
from chatserver.providers.cues import fits
from chatserver.providers.quoting import LEAD, SENTENCES_MAX, STEPS, choose

TOWER = (
    "The Marlow tower stands above the harbour. It was built in 1889 by Ann Weir. Visitors climb 214 steps. "
    "Who would not like to see it? The town has a market on Fridays."
)
LIBRARY = "青石图书馆位于老城区。图书馆于1952年建成，由陈明设计。图书馆每周一闭馆。馆内藏书约三十万册。"
README = """\
Connect a model

Without one, the server quotes your documents. For an endpoint of your own:

```sh
LLM_MODEL=some-model make run
```

Every setting has its line."""


def excerpt(text: str, n: int = 1, *, heading: str = "", title: str = "", score: float = 1.0) -> Excerpt:
    return Excerpt(n=n, text=text, heading=heading, title=title, score=score)


def quoted(question: str, *excerpts: Excerpt) -> list[str]:
    return [quote.text for quote in choose(question, excerpts)]


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("When was the Marlow tower built?", TOWER, "It was built in 1889 by Ann Weir."),
        ("How many steps do visitors climb?", TOWER, "Visitors climb 214 steps."),
        ("Where does the tower stand?", TOWER, "The Marlow tower stands above the harbour."),
        ("图书馆是哪一年建成的？", LIBRARY, "图书馆于1952年建成，由陈明设计。"),
        ("图书馆星期几闭馆？", LIBRARY, "图书馆每周一闭馆。"),
        ("馆内有多少藏书？", LIBRARY, "馆内藏书约三十万册。"),
    ],
)
def test_the_best_sentence_holds_the_answer(question: str, text: str, answer: str) -> None:
    assert max(choose(question, [excerpt(text)]), key=lambda quote: quote.score).text == answer


def test_quotes_name_their_excerpt_and_keep_its_order() -> None:
    found = choose("When was the tower built, and who built it?", [excerpt("Tea is hot.", 1), excerpt(TOWER, 2)])
    assert {quote.n for quote in found} == {2}
    assert [quote.at for quote in found] == sorted(quote.at for quote in found)


def test_there_are_never_more_than_asked_for() -> None:
    many = "The north tower was built of stone. A later tower was built by monks. One tower was built too quickly."
    assert len(choose("Which tower was built?", [excerpt(many)])) == 3
    assert len(choose("Which tower was built?", [excerpt(many)], limit=2)) == 2


def test_the_same_is_not_said_twice() -> None:
    assert (
        quoted("When was the tower built?", excerpt(TOWER, 1), excerpt(TOWER, 2)).count("Visitors climb 214 steps.")
        <= 1
    )
    assert (
        len({*quoted("When was it built?", excerpt("It was built in 1889.", 1), excerpt("It was built in 1889.", 2))})
        == 1
    )


@pytest.mark.parametrize("question", ["", "What is it?", "？", "是什么？"])
def test_a_question_without_a_subject_has_no_quotes(question: str) -> None:
    assert choose(question, [excerpt(TOWER)]) == []


def test_nothing_to_quote_from_is_no_quotes() -> None:
    assert choose("When was it built?", []) == []
    assert choose("When was it built?", [excerpt("-> {;=}\n\n=====")]) == []


def test_fragments_of_code_are_no_sentences() -> None:
    line = """-d '{"question": "How do I connect a model?"}' http://127.0.0.1:8000/api/v1/ask"""
    assert line not in quoted("Which model may I connect?", excerpt(f"{line}\n\nAny model may be connected to it.", 1))


def test_the_last_line_asks_and_the_others_give_the_subject() -> None:
    two = "The lighthouse is in Marlow. The lighthouse was opened in May 1901. The museum was opened in 1955."
    found = choose("Where is the lighthouse?\nWhen was it opened?", [excerpt(two)])
    assert max(found, key=lambda quote: quote.score).text == "The lighthouse was opened in May 1901."


# --- sections --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["How do I connect a language model?", "How can I connect my model?"])
def test_a_how_question_gets_the_section_that_is_named_like_it(question: str) -> None:
    other = excerpt("A question goes through a pipeline and then a language model. Connect the cable.", 1)
    found = choose(question, [other, excerpt(README, 2, heading="Connect a model", score=0.5)])
    assert [(quote.n, quote.text) for quote in found] == [
        (2, "Without one, the server quotes your documents."),
        (2, "For an endpoint of your own:"),
    ]
    assert (found[-1].code, found[-1].language) == ("LLM_MODEL=some-model make run", "sh")


def test_the_heading_that_names_the_action_comes_before_the_one_that_names_the_thing() -> None:
    thing = excerpt("Language model\n\nWithout these, Ollama is used.", 1, heading="Language model")
    found = choose("How do I connect a language model?", [thing, excerpt(README, 2, heading="Connect a model")])
    assert {quote.n for quote in found} == {2}


def test_a_chinese_section_is_found_by_another_word_for_the_same() -> None:
    section = excerpt(
        "连接模型\n\n没有模型时，服务器摘引文档。其他服务：\n\n```sh\nmake run\n```", 1, heading="连接模型"
    )
    found = choose("怎样接入语言模型？", [section])
    assert [quote.text for quote in found] == ["没有模型时，服务器摘引文档。", "其他服务："]
    assert found[-1].code == "make run"


def test_a_heading_that_shares_too_little_is_passed_over() -> None:
    redis = excerpt("REDIS_URL names the Redis to connect to.", 2, heading="Engines")
    found = choose("How do I connect to Redis?", [excerpt(README, 1, heading="Connect a model"), redis])
    assert found[0].text == "REDIS_URL names the Redis to connect to."


def test_code_that_begins_a_section_is_announced_by_its_heading() -> None:
    run = excerpt("Run it\n\n```sh\nmake run\n```\n\nOpen the page. It installs all.", 1, heading="Run it")
    found = choose("How do I run it?", [run])
    assert [(quote.text, quote.code) for quote in found] == [
        ("Run it:", "make run"),
        ("Open the page.", ""),
        ("It installs all.", ""),
    ]


def test_a_section_is_quoted_from_its_beginning_and_not_at_length() -> None:
    prose = excerpt("Bake bread\n\n" + " ".join(f"Do step {n} with care." for n in range(9)), 1, heading="Bake bread")
    assert [quote.at for quote in choose("How do I bake bread?", [prose])] == list(range(1, LEAD + 1))
    steps = "\n\n".join(f"{n}. Do step {n}." for n in range(1, 20))
    assert len(choose("How do I bake bread?", [excerpt(f"Bake bread\n\n{steps}", 1, heading="Bake bread")])) == STEPS


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("What does parking cost?", "What does it cost to park?\n\nTwo francs.\n\nIs it lit?\n\nYes.", "Two francs."),
        ("停车费是多少？", "停车要多少钱？\n\n每小时两元。\n\n晚上有灯吗？\n\n有。", "每小时两元。"),
    ],
)  # fmt: skip
def test_a_question_in_a_document_is_answered_by_what_follows(question: str, text: str, answer: str) -> None:
    assert quoted(question, excerpt(text, 1, heading="Frequent questions")) == [answer]


def test_a_line_that_may_be_a_heading_is_not_quoted_as_a_sentence() -> None:
    text = "Fees\n\nAll is free.\n\nBake bread\n\nKnead the dough."
    assert quoted("How do I bake bread?", excerpt(text)) == ["Knead the dough."]


def test_a_table_is_no_instruction() -> None:
    table = excerpt("Ports\n\nname | default\nPORT | 8000\nHOST | all", 1, heading="Ports")
    assert quoted("How many ports are open by default?", table)
    assert "HOST: all" not in quoted("How do I open ports on host PORT?", table)[:1]


# --- what follows a sentence -----------------------------------------------------------------------------------------


def test_a_sentence_that_announces_brings_what_it_announces() -> None:
    listed = "The tower offers three things:\n\n- A view.\n\n- A stair.\n\n- A bell.\n\nIt is old."
    assert quoted("What does the tower offer?", excerpt(listed)) == [
        "The tower offers three things:",
        "- A view.",
        "- A stair.",
        "- A bell.",
    ]


def test_code_is_quoted_where_it_holds_what_was_asked() -> None:
    text = "Scripts can ask over HTTP instead.\n\n```sh\ncurl /api/v1/ask\n```"
    (quote,) = choose("What is the curl call for scripts?", [excerpt(text)])
    assert quote.code == "curl /api/v1/ask"
    (quote,) = choose("What can scripts ask over?", [excerpt(text)])
    assert quote.code == ""


def test_long_texts_are_looked_at_up_to_a_bound() -> None:
    text = "The tower is old. " * (SENTENCES_MAX + 10) + "The tower was built in 1889."
    assert quoted("When was the tower built?", excerpt(text)) == ["The tower is old."]


@pytest.mark.parametrize(
    ("kind", "yes", "no"),
    [
        ("time", "It opened in May 1901.", "It opened to the public."),
        ("time", "图书馆于1952年建成。", "图书馆位于老城区。"),
        ("quantity", "It holds twelve boats.", "It holds boats."),
        ("person", "The plan of Ann Weir was kept.", "the plan was kept."),
        ("reason", "It closed because of the storm.", "It closed early."),
        ("place", "He was born in Marlow.", "he was born early."),
        ("other", "", "Anything in 1901."),
    ],
)
def test_sentences_look_like_an_answer_or_not(kind: str, yes: str, no: str) -> None:
    assert fits(kind, yes) is (kind != "other")  # type: ignore[arg-type]
    assert not fits(kind, no)  # type: ignore[arg-type]
