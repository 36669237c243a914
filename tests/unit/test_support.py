"""A citation stays when what it cites says so, and goes when it says something else."""

from __future__ import annotations

import pytest

from chatserver.rag.citations import Citations
from chatserver.rag.support import doubts, without

HOURS = "Opening hours\nThe shop on Canal Street opens at nine and closes at half past five on weekdays."
RETURNS = "Returns\nA grinder may be returned within 30 days if it has not been used. We pay for the parcel."
CHINESE = "退货\n磨豆机未使用可在三十天内退货，邮费由我们承担。"


def checked(text: str, *excerpts: str) -> str:
    citations = Citations(range(1, len(excerpts) + 1))
    left = citations.feed(text) + citations.end()
    found = doubts(left, citations.marks, dict(enumerate(excerpts, 1)))
    return without(left, [doubt.mark for doubt in found if not doubt.foreign])


@pytest.mark.parametrize(
    "text",
    [
        "The shop opens at nine on weekdays [1].",
        "You can send back an unused grinder for 30 days, and the parcel is paid for [2].",
        "It opens at nine [1] and unused grinders may be returned [2].",
        "Open from nine. [1]\n\nReturns within 30 days. [2]",
        "- Canal Street shop: nine to half past five [1]\n- Grinder returns: 30 days [2]",
        "Yes [1].",  # claims nothing that could be looked up
        "`code [1]` stays.",
        "磨豆机可以在三十天内退货 [3]。",
        "Grinders can be returned within thirty days [3].",  # in another language: words cannot tell
        "未使用的磨豆机可以退 [2]。",
    ],
)
def test_what_is_borne_out_stays(text: str) -> None:
    assert checked(text, HOURS, RETURNS, CHINESE) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The founder was born in Lisbon in 1970 [1].", "The founder was born in Lisbon in 1970."),
        ("Unused grinders may be returned [1].", "Unused grinders may be returned."),
        ("Unused grinders may go back within 30 days [1][2].", "Unused grinders may go back within 30 days [2]."),
        ("Opens at nine [1]. Espresso machines carry a warranty of five years [2].",
         "Opens at nine [1]. Espresso machines carry a warranty of five years."),
        ("创始人一九七零年出生在里斯本 [3]。", "创始人一九七零年出生在里斯本。"),
    ],
)  # fmt: skip
def test_what_says_something_else_is_taken_out(text: str, expected: str) -> None:
    assert checked(text, HOURS, RETURNS, CHINESE) == expected


def test_a_removal_leaves_the_words_around_it_apart() -> None:
    citations = Citations([1])
    text = citations.feed("so [1] it is") + citations.end()
    assert without(text, citations.marks) == "so it is"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_marks_stand_where_the_text_has_them_however_it_came(size: int) -> None:
    text = "One [1, 2], `[1]`, two【3】 [9] and [^1]."
    citations = Citations([1, 2, 3])
    left = "".join(citations.feed(text[at : at + size]) for at in range(0, len(text), size)) + citations.end()
    assert [left[mark.start : mark.end] for mark in citations.marks] == [f"[{mark.n}]" for mark in citations.marks]
    assert [mark.n for mark in citations.marks] == [1, 2, 3, 1]
