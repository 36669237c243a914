"""Cuts an excerpt into what can be quoted of it: sentences, list items, rows of tables, code. Pure.

An excerpt is a document's blocks, a blank line between each two; code stands between fences, cells between pipes. Of a
long block only a part may be there: code without its beginning or end, rows without their head.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from chatserver.text import sentence_spans

__all__ = ["Kind", "Unit", "units"]

HEADING_CHARS = 80
ITEM_CHARS = 300
"""A list item up to this length is quoted whole: it often begins with a name for what the rest of it says."""
HEADING_SEPARATOR = " › "
DRAWN = frozenset({"mermaid", "plantuml", "dot", "graphviz"})
"""Languages of diagrams: their code tells a reader nothing."""

type Kind = Literal["heading", "line", "sentence", "item", "row", "code"]

_FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n`]*$", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_ITEM = re.compile(r"\s*(?:[-*+•·‣▪◦–—]|\(?\d{1,3}[.)、]|（?[一二三四五六七八九十]{1,3}[、）])\s+")
_ENDS = re.compile(r"[.!?:;,。！？：；，、…\"”』」)）]$")
_ASKS = re.compile(r"[?？]$")
_CELLS = re.compile(r"\s+\|(?:\s+|$)")


class Unit(Struct, frozen=True):
    """`line`: a short line that may be a heading or not, or a question, which what follows answers. `text`: of a row,
    its cells with the names of their columns; of code, without the fence. `heading`: what the unit stands under.
    `language`: of code, as its fence names it."""

    kind: Kind
    text: str
    heading: str = ""
    language: str = ""


def units(text: str, heading: str = "", title: str = "") -> list[Unit]:
    """The units of an excerpt in order. `heading`: its path, as `Excerpt.heading` has it."""
    path = [part for part in heading.split(HEADING_SEPARATOR) if part]
    headings = {*path, title}
    under = path[-1] if path else ""
    found: list[Unit] = []
    parts = list(_parts(text))
    for m, (kind, part, language) in enumerate(parts, 1):
        if kind == "code":
            if language not in DRAWN:
                found.append(Unit("code", part, under, language))
            continue
        blocks = [block for block in _BLANK.split(part) if block.strip()]
        for n, block in enumerate(blocks):
            kind = _block_kind(block.strip(), headings, follows=n + 1 < len(blocks) or m < len(parts))
            if kind in ("heading", "line"):
                under = " ".join(block.split())
                found.append(Unit(kind, under, under))
            elif kind == "row":
                found += [Unit("row", row, under) for row in _rows(block, headed=bool(found))]
            elif kind == "item" and len(block) <= ITEM_CHARS:
                found.append(Unit(kind, block.strip(), under))
            else:
                found += [Unit(kind, block[start:end], under) for start, end in sentence_spans(block)]
    return found


def _parts(text: str) -> Iterator[tuple[Kind, str, str]]:
    """The text in turns of prose and code, with the code's language."""
    fences = list(_FENCE.finditer(text))
    at = 0
    if len(fences) % 2 and not text[fences[-1].end() :].strip() and not fences[-1]["language"]:
        # An end without a beginning: the excerpt begins within code.
        if text[: fences[0].start()].strip():
            yield "code", textwrap.dedent(text[: fences[0].start()]).strip("\n"), ""
        at, fences = fences[0].end(), fences[1:]
    while fences:
        opens = fences.pop(0)
        yield "sentence", text[at : opens.start()], ""
        while fences and (fences[0]["language"] or not fences[0]["marks"].startswith(opens["marks"])):
            fences.pop(0)
        closes = fences.pop(0) if fences else None
        code = textwrap.dedent(text[opens.end() : closes.start() if closes else len(text)]).strip("\n")
        if code.strip():
            yield "code", code, opens["language"]
        at = closes.end() if closes else len(text)
    yield "sentence", text[at:], ""


def _block_kind(block: str, headings: set[str], *, follows: bool) -> Kind:
    lines = block.split("\n")
    if " ".join(block.split()) in headings:
        return "heading"
    if _ITEM.match(block):
        return "item"
    if all(_CELLS.search(line) for line in lines) and (len(lines) > 1 or not _ENDS.search(block)):
        return "row"
    if follows and len(lines) == 1 and len(block) <= HEADING_CHARS and (_ASKS.search(block) or not _ENDS.search(block)):
        return "line"
    return "sentence"


def _rows(block: str, *, headed: bool) -> Iterator[str]:
    """Rows as they can be read: "PORT – default: 8000; meaning: The port to listen on." `headed`: the first row names
    the columns. It can't be known of a table that an excerpt begins with; it may be the rest of a longer one."""
    rows = [_CELLS.split(line.strip()) for line in block.split("\n") if line.strip()]
    names = rows.pop(0) if headed and len(rows) > 1 else []
    for first, *others in rows:
        if len(others) == 1:
            yield f"{first}: {others[0]}" if others[0] else first
            continue
        cells = [(names[n] if n < len(names) else "", cell) for n, cell in enumerate(others, 1) if cell]
        yield f"{first} – " + "; ".join(f"{name}: {cell}" if name else cell for name, cell in cells)
