"""Lets only citations through that name an excerpt the model was shown. A streaming filter; pure.

What it decides depends on the text alone, never on how the stream was cut: the outputs joined are the same for every
way of feeding it. Text that may become a citation is held back until the characters after it decide.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from chatserver.protocol.frames import Source

__all__ = ["HELD_CHARS", "Citations", "Mark", "cited"]

_SPACES = 8
_RUN = 32
_BODY = 40
HELD_CHARS = _SPACES + _BODY + 2
"""Never is more held back than this: spaces, both brackets and what is between them."""

_PLAIN = re.compile(r"[^\[【［`~\\\n\r \t]+")
_FENCE = re.compile(rf"`{{1,{_RUN}}}|~{{1,{_RUN}}}")
_SPACE = re.compile(rf"[ \t]{{1,{_SPACES}}}")
_OPEN = frozenset("[【［")
_CLOSE = frozenset("]】］")
_ESCAPED = _OPEN | {"\\", "`"}
_INSIDE = re.compile(rf"[^\[\]【】［］\n`]{{0,{_BODY}}}")

_LABEL = r"(?:excerpts?|sources?|passages?|documents?|摘录|摘錄|来源|來源|资料|資料)"
_ITEM = rf"(?:{_LABEL}\s*)?[\^#]?\d{{1,3}}"
_JOIN = r"\s*(?:[,，、;；&]|[-–—~～]|and|和|与|與|至|到|to)\s*"
_NUMBERS = re.compile(rf"\s*{_ITEM}(?:{_JOIN}{_ITEM})*\s*(?:†[^†]*)?", re.IGNORECASE)
_RANGE = re.compile(rf"(\d{{1,3}})(?:\s*(?:[-–—~～]|至|到|to)\s*(?:{_LABEL}\s*)?[\^#]?(\d{{1,3}}))?", re.IGNORECASE)


class Mark(NamedTuple):
    """A citation of source `n` at `text[start:end]`."""

    n: int
    start: int
    end: int


class Citations:
    """Feed it a model's text. `[1, 2]`, `[1-3]`, `[^1]`, `【1】`, `[Source 1]` leave as `[1][2]` …; a number that names
    none of `known` is taken out. Links (`[1](…)`), escapes (`\\[`) and code pass untouched.

    Inline code counts until its line ends, so that a backtick without its partner protects no more than that.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._buffer = ""
        self._fence = ""
        self._code = 0
        self._line_begins = True
        self._cited: dict[int, None] = {}
        self._left = 0
        self.marks: list[Mark] = []
        """Where each citation stands in the text that left so far."""

    @property
    def cited(self) -> tuple[int, ...]:
        """The numbers that left so far, in order of their first appearance."""
        return tuple(self._cited)

    def feed(self, text: str) -> str:
        """What can leave now; often `text` itself, sometimes nothing."""
        return self._pass(text, final=False)

    def end(self) -> str:
        """What was still held back; the text ends here."""
        return self._pass("", final=True)

    def _pass(self, text: str, *, final: bool) -> str:
        self._buffer += text
        out: list[str] = []
        at = 0
        while at < len(self._buffer) and (step := self._step(at, final)) is not None:
            at, piece = step
            out.append(piece)
            self._left += len(piece)
        self._buffer = self._buffer[at:]
        return "".join(out)

    def _step(self, at: int, final: bool) -> tuple[int, str] | None:
        """Where to go on, and what leaves on the way; None when more text is needed to decide."""
        buffer = self._buffer
        char = buffer[at]
        if char in "\n\r":
            self._line_begins, self._code = True, 0
            return at + 1, char
        if plain := _PLAIN.match(buffer, at):
            self._line_begins = False
            return plain.end(), plain[0]
        if run := _FENCE.match(buffer, at):
            if run.end() == len(buffer) and not final:
                return None
            self._mark(run[0])
            return run.end(), run[0]
        literal = bool(self._fence or self._code)
        if char == "\\":
            if at + 1 == len(buffer) and not final:
                return None
            self._line_begins = False
            escaped = not literal and buffer[at + 1 : at + 2] in _ESCAPED
            return (at + 2, buffer[at : at + 2]) if escaped else (at + 1, char)
        spaces = _SPACE.match(buffer, at)
        opens = spaces.end() if spaces else at
        if spaces and opens == len(buffer) and not (final or literal):
            return None
        if literal or buffer[opens : opens + 1] not in _OPEN:
            end = max(opens, at + 1)
            self._line_begins = self._line_begins and spaces is not None
            return end, buffer[at:end]
        return self._bracket(at, opens, final)

    def _mark(self, run: str) -> None:
        """A run of backticks or tildes opens or closes code (CommonMark 0.31, sections 4.5 and 6.1)."""
        if self._fence:
            if self._line_begins and run.startswith(self._fence):
                self._fence = ""
        elif self._line_begins and len(run) >= 3:
            self._fence = run
        elif run[0] == "`" and self._code in (0, len(run)):
            self._code = 0 if self._code else len(run)
        self._line_begins = False

    def _bracket(self, at: int, opens: int, final: bool) -> tuple[int, str] | None:
        buffer = self._buffer
        begin = opens + 1
        inside = _INSIDE.match(buffer, begin)
        closes = inside.end() if inside else begin  # it always matches; the type does not say so
        if closes + 1 >= len(buffer) and not final and not self._decided(closes):
            return None
        after = buffer[closes + 1 : closes + 2]
        closed = buffer[closes : closes + 1] in _CLOSE
        self._line_begins = False
        if not (closed and _NUMBERS.fullmatch(buffer, begin, closes)):
            return begin, buffer[at:begin]
        if after == "(" and buffer[closes] == "]":
            return closes + 1, buffer[at : closes + 1]
        numbers = list(dict.fromkeys(self._named(buffer[begin:closes])))
        self._cited |= dict.fromkeys(numbers)
        before = buffer[at:opens]
        if not numbers:
            # "It is so [9]." must not leave "It is so .", nor "so [9]it" become "soit".
            before = before[:1] if after.isalnum() else ""
        stands = self._left + len(before)
        for n in numbers:
            self.marks.append(Mark(n, stands, stands := stands + len(f"[{n}]")))
        return closes + 1, before + "".join(f"[{n}]" for n in numbers)

    def _decided(self, closes: int) -> bool:
        """Whether the character after the inside is there and closes nothing, so that none after it matters."""
        return closes < len(self._buffer) and self._buffer[closes] not in _CLOSE

    def _named(self, inside: str) -> Iterator[int]:
        for match in _RANGE.finditer(inside.split("†")[0]):
            first, last = int(match[1]), int(match[2] or match[1])
            yield from (n for n in sorted(self._known) if first <= n <= last)


def cited(text: str, sources: Iterable[Source]) -> list[Source]:
    """Those of `sources` that a text which left `Citations` names: an answer that was cut short keeps only these."""
    return [source for source in sources if f"[{source.n}]" in text]
