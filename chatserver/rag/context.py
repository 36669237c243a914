"""Where a quotation stands in its document, and what stands around it. Pure."""

from __future__ import annotations

import re

from msgspec import Struct

__all__ = ["CONTEXT_CHARS", "Excerpted", "around", "landmarks", "locate"]

CONTEXT_CHARS = 1_500
"""What is shown on either side of a passage."""
LANDMARKS = 5
LANDMARK_CHARS = 6
"""Short, because a line of Chinese text may end anywhere."""
ANCHOR_CHARS = (40, 24, 12)
"""Of a quotation that leaves something out, its beginning and its end are looked for: as much of each as is found."""
BORDER_CHARS = 120
"""A cut moves inwards by at most this much for a border of words, by a third of the context for one of paragraphs."""

_RUN = re.compile(r"\w+")
_OPENING = frozenset("\"'“‘«(（[【《「『*_`")
_SENTENCE_END = re.compile(r"[。！？；\s]")


class Excerpted(Struct, frozen=True):
    before: str
    passage: str
    after: str


def landmarks(quote: str) -> list[str]:
    """Pieces of `quote`, of which at least one should stand in its document letter by letter; the longest first."""
    runs = (run[at : at + LANDMARK_CHARS] for run in _RUN.findall(quote) for at in range(0, len(run), LANDMARK_CHARS))
    return sorted(dict.fromkeys(runs), key=len, reverse=True)[:LANDMARKS]


def locate(text: str, quote: str) -> tuple[int, int] | None:
    """Offsets of `quote` in `text`; only letters and digits count, since a quotation is in one line and without marks.

    A quotation may leave out headings and code between its sentences: then from its beginning to its end.
    """
    letters, at = _letters(text)
    wanted, _ = _letters(quote)
    if not wanted:
        return None
    first, length = letters.find(wanted), len(wanted)
    if first < 0:
        if (found := _stretch(letters, wanted)) is None:
            return None
        first, length = found
    start, end = at[first], at[first + length - 1] + 1
    while start and text[start - 1] in _OPENING:
        start -= 1
    while end < len(text) and not (text[end].isalnum() or text[end].isspace()):
        end += 1
    return start, end


def around(text: str, start: int, end: int, *, chars: int = CONTEXT_CHARS) -> Excerpted:
    """`text[start:end]` with up to `chars` characters on either side, cut where a paragraph ends, else a word."""
    before, after = text[max(0, start - chars) : start], text[end : end + chars]
    if start > chars:
        before = before[_first_border(before) :]
    if end + chars < len(text):
        after = after[: len(after) - _first_border(after[::-1])]
    return Excerpted(before, text[start:end], after)


def _stretch(letters: str, wanted: str) -> tuple[int, int] | None:
    """From where `wanted` begins to where it ends: place and length. Only its beginning, when the end is not there."""
    head = next((wanted[:size] for size in ANCHOR_CHARS if wanted[:size] in letters), "")
    if not head:
        return None
    first = letters.find(head)
    for size in ANCHOR_CHARS:
        if (last := letters.find(wanted[-size:], first)) >= 0:
            return first, last + len(wanted[-size:]) - first
    return first, len(head)


def _first_border(text: str) -> int:
    """How much of the beginning of `text` is the rest of something; it may be reversed."""
    if (paragraph := text.find("\n\n", 0, len(text) // 3)) >= 0:
        return paragraph + 2
    word = _SENTENCE_END.search(text, 0, BORDER_CHARS)
    return word.end() if word else 0


def _letters(text: str) -> tuple[str, list[int]]:
    """The letters and digits of `text` in lower case, and the place of each."""
    at = [i for i, character in enumerate(text) if character.isalnum()]
    # One for one: the lower case of a few letters has two.
    return "".join(lower if len(lower := text[i].lower()) == 1 else text[i] for i in at), at
