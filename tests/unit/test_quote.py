"""The quotation beside a source: near the question, short, in one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatserver.keywords import keywords
from chatserver.rag.quote import QUOTE_CHARS, quotation

PAGE = "Hours\n\nTea is served at three. The tower is open\nuntil six in winter. It closes on Sunday."


def test_it_begins_with_the_sentence_nearest_to_the_question() -> None:
    quote = quotation(PAGE, keywords("How long is the tower open?"), "Visit › Hours", "Guide")
    assert quote == "The tower is open until six in winter. It closes on Sunday."


def test_without_a_match_it_is_the_beginning() -> None:
    assert quotation(PAGE, {}, "Hours").startswith("Tea is served")


def test_code_and_headings_are_quoted_only_where_there_is_nothing_else() -> None:
    text = "Run it\n\n```sh\nmake run\n```\n\nThen open the page."
    assert quotation(text, keywords("make run"), "Run it") == "Then open the page."
    assert quotation("Run it\n\n```sh\nmake run\n```", keywords("make"), "Run it") == "make run"
    assert quotation("Run it", {}, "Run it") == "Run it"
    assert quotation("", {}) == ""


def test_it_ends_with_a_sentence_where_there_is_room() -> None:
    text = "The tower is old. " + "It is high and made of stone. " * 30
    quote = quotation(text, keywords("old tower"))
    assert quote.startswith("The tower is old. It is high")
    assert quote.endswith("stone.")
    assert QUOTE_CHARS - 40 < len(quote) <= QUOTE_CHARS


def test_one_long_sentence_is_cut() -> None:
    quote = quotation("tower " * 150, keywords("tower"))
    assert len(quote) == QUOTE_CHARS
    assert quote.endswith("…")


def test_chinese_sentences_stand_without_spaces() -> None:
    assert quotation("图书馆很大。\n它每天开放。", keywords("图书馆")) == "图书馆很大。它每天开放。"


def test_items_stand_without_their_marks() -> None:
    assert quotation("- Tea.\n\n- Coffee.", {}) == "Tea. Coffee."


@given(st.text(max_size=900))
def test_it_is_always_one_short_line(text: str) -> None:
    quote = quotation(text, {"a": 1.0})
    assert len(quote) <= QUOTE_CHARS
    assert len(quote.splitlines()) <= 1
