"""The citation filter: each text whole and in pieces, and whatever hypothesis thinks of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.rag.citations import HELD_CHARS, Citations

KNOWN = (1, 2, 3)


def whole(text: str) -> str:
    citations = Citations(KNOWN)
    return citations.feed(text) + citations.end()


@pytest.mark.parametrize(
    ("text", "expected", "cited"),
    [
        ("So it is [1].", "So it is [1].", (1,)),
        ("So it is [9].", "So it is.", ()),
        ("So [9]it is", "So it is", ()),
        ("So[9] it is", "So it is", ()),
        ("So [9] [8] it is [2]", "So it is [2]", (2,)),
        ("a [2][1][9]", "a [2][1]", (2, 1)),
        ("a [1, 2], b [1,9]", "a [1][2], b [1]", (1, 2)),
        ("a [1-3]", "a [1][2][3]", (1, 2, 3)),
        ("a [2–900] b", "a [2][3] b", (2, 3)),
        ("a [1; 3] [1 and 2]", "a [1][3] [1][2]", (1, 3, 2)),
        ("在此【1】。又【9】。", "在此[1]。又。", (1,)),
        ("在此［2］、【1，3】和【1、2】", "在此[2]、[1][3]和[1][2]", (2, 1, 3)),
        ("a【1†source】 and [^2] and [Source 3] [来源1]", "a[1] and [2] and [3] [1]", (1, 2, 3)),
        ("[0] [4]", "", ()),
        ("in [1999], [abc], [ ], [x] and []", "in [1999], [abc], [ ], [x] and []", ()),
        ("see [1](https://a.example/)", "see [1](https://a.example/)", ()),
        ("see [9](u), [the [1] one](u)", "see [9](u), [the [1] one](u)", (1,)),
        ("`a[9]` and ``b`[9]`` but not `c[9] \n [9]d", "`a[9]` and ``b`[9]`` but not `c[9] \n d", ()),
        ("```py\na[9] = `b\nc[1]\n```\n[9][1]", "```py\na[9] = `b\nc[1]\n```\n[1]", (1,)),
        ("~~~\na[9]\n```\nb[9]\n~~~~\nc[9]", "~~~\na[9]\n```\nb[9]\n~~~~\nc", ()),
        ("1. x\n\n   ```\n   a[9]\n   ```\n   b [9]", "1. x\n\n   ```\n   a[9]\n   ```\n   b", ()),
        ("\\[9\\] and \\\\[9] and \\`[9]", "\\[9\\] and \\\\ and \\`", ()),
        ("[1", "[1", ()),
        ("[[1]] [[9]", "[[1]] [", (1,)),
        ("tail [", "tail [", ()),
        ("tail  ", "tail  ", ()),
    ],
)  # fmt: skip
def test_what_leaves(text: str, expected: str, cited: tuple[int, ...]) -> None:
    for step in (len(text), 1, 2, 3, 5):
        citations = Citations(KNOWN)
        out = "".join(citations.feed(text[i : i + step]) for i in range(0, len(text), step)) + citations.end()
        assert (out, citations.cited) == (expected, cited), step


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            "[ ] 【 】 ［ ］ ( ` `` ``` ~~~ \\ \n \r 1 2 9 12 , - a 【1】 [1] [9] [1,9] [1-2] † and 和".split(" ")
        ),
        st.sampled_from([" ", "  ", "\t", "\n", " " * 9, "x" * 50, "`" * 40]),
        st.text(max_size=4),
    ),
    max_size=30,
)


@given(PIECES)
def test_every_way_of_cutting_the_stream_gives_the_same_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    for parts in (pieces, list(text)):
        citations = Citations(KNOWN)
        assert "".join(map(citations.feed, parts)) + citations.end() == whole(text)


@given(PIECES)
def test_little_is_held_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    for i in range(0, len(text), 7):
        fed = Citations(KNOWN)
        fed.feed(text[:i])
        assert len(fed.end()) <= HELD_CHARS


@given(st.lists(st.tuples(st.text(alphabet="ab .,1\n", max_size=5), st.integers(0, 12)), max_size=8))
def test_exactly_the_known_numbers_are_left(cites: list[tuple[str, int]]) -> None:
    citations = Citations(KNOWN)
    out = citations.feed("".join(f"{before}[{n}]" for before, n in cites)) + citations.end()
    left = [int(n) for n in re.findall(r"\[(\d+)\]", out)]
    assert left == [n for _, n in cites if n in KNOWN]
    assert citations.cited == tuple(dict.fromkeys(left))
