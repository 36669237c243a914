"""Quotations found again in their documents, and cut out with what stands around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.rag.context import around, landmarks, locate

TEXT = """# Opening hours

We open at **nine** in the
morning, every day.

```sh
make open
```

- On Sundays we open at "ten".

我们每天
九点开门。周日十点开门！"""


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("We open at nine in the morning, every day.", "We open at **nine** in the\nmorning, every day."),
        ('On Sundays we open at "ten".', 'On Sundays we open at "ten".'),
        ('"ten".', '"ten".'),
        ("我们每天九点开门。", "我们每天\n九点开门。"),
        ("九点开门。周日十点…", "九点开门。周日十点"),
        ("we open AT nine", "We open at **nine**"),
    ],
)
def test_a_quotation_is_found_with_its_marks(quote: str, found: str) -> None:
    span = locate(TEXT, quote)
    assert span is not None
    assert TEXT[slice(*span)] == found
    assert any(landmark in TEXT for landmark in landmarks(quote))


def test_a_quotation_that_leaves_code_out_goes_from_its_beginning_to_its_end() -> None:
    quote = 'We open at nine in the morning, every day. On Sundays we open at "ten".'
    span = locate(TEXT, quote)
    assert span is not None
    assert TEXT[slice(*span)] == TEXT[TEXT.index("We open") : TEXT.index("我们")].strip()


@pytest.mark.parametrize("quote", ["", "…", "We close at nine.", "！？"])
def test_what_is_not_there_is_not_found(quote: str) -> None:
    assert locate(TEXT, quote) is None


@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_every_part_of_a_text_with_letters_is_found(text: str, start: int, length: int) -> None:
    quote = text[start : start + length]
    span = locate(text, quote)
    if any(character.isalnum() for character in quote):
        assert span is not None
        found = [c.lower() for c in text[slice(*span)] if c.isalnum()]
        assert found == [c.lower() for c in quote if c.isalnum()]
    else:
        assert span is None


def test_the_context_is_cut_between_paragraphs_or_words() -> None:
    text = "\n\n".join(f"Paragraph {n} has some words in it." for n in range(20))
    start = text.index("Paragraph 10")
    end = start + len("Paragraph 10 has some words in it.")
    cut = around(text, start, end, chars=100)
    assert cut.passage == "Paragraph 10 has some words in it."
    assert cut.before == "Paragraph 8 has some words in it.\n\nParagraph 9 has some words in it.\n\n"
    assert cut.after == "\n\nParagraph 11 has some words in it.\n\nParagraph 12 has some words in it."

    text = "word " * 100
    cut = around(text, 250, 254, chars=22)
    assert (cut.before, cut.passage, cut.after) == ("word word word word ", "word", " word word word word")

    text = "天" * 300 + "。" + "地" * 40
    assert around(text, 320, 321, chars=40).before == "地" * 19


@given(st.text(max_size=120), st.integers(0, 120), st.integers(0, 120), st.integers(1, 40))
def test_nothing_is_added_and_short_texts_are_shown_whole(text: str, start: int, length: int, chars: int) -> None:
    end = min(len(text), start + length)
    start = min(start, end)
    cut = around(text, start, end, chars=chars)
    assert cut.before + cut.passage + cut.after in text
    assert cut.passage == text[start:end]
    assert len(cut.before) <= chars >= len(cut.after)
    whole = around(text, start, end, chars=1000)
    assert whole.before + whole.passage + whole.after == text
