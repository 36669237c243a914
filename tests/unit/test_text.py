"""Terms and sentences: English and Chinese, and whatever else hypothesis thinks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.text import SENTENCE_CHARS, TERM_CHARS, cjk_share, sentence_spans, sentences, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running runners RAN", ["run", "runner", "ran"]),
        ("the Company's users don't", ["the", "compani", "user", "don"]),
        ("1,000,000 and 3.5, or 1,2", ["1000000", "and", "3.5", "or", "1", "2"]),
        ("Café naïve", ["cafe", "naiv"]),
        ("XMLHttpRequest run_target", ["xmlhttprequest", "xml", "http", "request", "run", "target"]),
        ("ＡＢＣ１２", ["abc12"]),
        ("数据库", ["数", "数据", "据", "据库", "库"]),
        ("用Redis吗", ["用", "redi", "吗"]),
        ("…!? _ 。", []),
        ("x" * 500, ["x" * TERM_CHARS]),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_word_is_found_in_its_other_forms() -> None:
    assert set(terms("installing the servers")) == set(terms("installed THE server"))


@given(st.text())
def test_terms_never_hold_white_space_and_are_never_empty(text: str) -> None:
    # The `lex` column is indexed by a tokeniser that cuts at white space.
    found = terms(text)
    assert " ".join(found).split() == found


def test_cjk_share() -> None:
    assert cjk_share("hello") == 0.0
    assert cjk_share("你好") == 1.0
    assert cjk_share("ab你好！") == 0.5
    assert cjk_share("1 + 1") == 0.0


@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Smith paid $3.50 in Washington, D.C. last year.", "He left."],
        ["It was in the U.S. Army then.", "Now it is in the U.S.", "The end."],
        ['"Really?" she asked.', "He said “Stop.”", "Then he left."],
        ["Wait... what?", "Yes!", "(It was late.)", "See Fig. 3, e.g. the left part, etc."],
        ["J. K. Rowling wrote it.", "Version 3.13.0 is out."],
        ["他说：“你好！”，然后走了。", "真的吗？", "“再见。”", "价格是3.5元。"],
        ["我想……还是算了。", "好的！！"],
        ["Python在2019年发布3.8版。", "It is old.", "是的。"],
    ],
)
def test_sentences(expected: list[str]) -> None:
    cjk = cjk_share(expected[0]) > 0.3 and not expected[0].startswith("Python")
    assert sentences(("" if cjk else " ").join(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Items:\n1. One thing\n2. Two\n- three", ["Items:", "1. One thing", "2. Two", "- three"]),
        ("步骤：\n一、安装\n二、启动", ["步骤：", "一、安装", "二、启动"]),
        ("Heading\n\nA paragraph\nthat was wrapped.", ["Heading", "A paragraph\nthat was wrapped."]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_lines(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_text_without_an_end_is_cut_at_a_clause() -> None:
    clause = "这是一个很长的分句，"
    parts = sentences(clause * 300)
    assert all(len(part) <= SENTENCE_CHARS and part.endswith("，") for part in parts)
    assert "".join(parts) == clause * 300


@given(st.text(alphabet="ab .?!…。！？\n”\"“'’)1-，中文Dr", max_size=200))
def test_spans_cover_everything_but_white_space(text: str) -> None:
    kept, last = [], 0
    for start, end in sentence_spans(text):
        assert last <= start < end
        assert not text[last:start].strip()
        kept.append(text[start:end])
        last = end
    assert not text[last:].strip()
    assert kept == [part.strip() for part in kept]
