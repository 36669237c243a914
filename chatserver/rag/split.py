"""Cuts a document into the pieces that are searched, along its own structure.

A parser yields blocks (paragraphs, list items, tables, headings); `assemble` makes the document's text of them and
gives each its offsets; `split` packs neighbours of one section into pieces. A piece is always `text[start:end]` of the
document, so that a source can be shown in its place.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from chatserver.text import CJK, sentence_spans

__all__ = ["Block", "Piece", "assemble", "indexed_text", "paragraphs", "size", "split"]

PIECE_WORDS = 180
"""About 256 tokens: what small embedding models read, and the best of the sizes that were measured."""
SMALL_WORDS = 40
"""A section below this is packed together with its neighbour."""
OVERLAP_WORDS = 32
"""Where one long block had to be cut, its last sentence is repeated in the next piece unless it is longer than this."""
HEADING_SEPARATOR = " › "
BLOCK_SEPARATOR = "\n\n"

type Kind = Literal["text", "heading", "item", "table", "code"]

_CJK_CHAR = re.compile(f"[{CJK}]")
_GAP = re.compile(r"[\s，、；,;。]")


class Block(Struct, frozen=True):
    """One unit of a document. `heading`: the path of headings above it, outermost first (a heading's own included);
    `page` from 1; `start` and `end`: offsets into the document's text, set by `assemble`."""

    text: str
    heading: tuple[str, ...] = ()
    page: int | None = None
    start: int = 0
    end: int = 0
    kind: Kind = "text"


class Piece(Struct, frozen=True):
    """A passage to search: `text` is the document's text from `start` to `end`; `heading` is its path in one line."""

    text: str
    heading: str
    page: int | None
    start: int
    end: int


def assemble(blocks: Iterable[Block]) -> tuple[str, list[Block]]:
    """The document's text, and the blocks with their place in it. Blocks without text are left out."""
    placed: list[Block] = []
    parts: list[str] = []
    at = 0
    for block in blocks:
        if not (text := block.text.strip()):
            continue
        placed.append(replace(block, text=text, start=at, end=at + len(text)))
        parts.append(text)
        at += len(text) + len(BLOCK_SEPARATOR)
    return BLOCK_SEPARATOR.join(parts), placed


def paragraphs(text: str) -> list[Block]:
    """Blocks of text that has no structure but blank lines; pass them to `assemble`."""
    return [Block(part) for part in re.split(r"\n\s*\n", text) if part.strip()]


def indexed_text(title: str, heading: str, text: str) -> str:
    """What is indexed and embedded of a piece: a passage alone often doesn't name what it is about."""
    return "\n".join(line for line in (title, heading, text) if line)


def size(text: str) -> float:
    """Length in words; 10 CJK characters count as 7. Text without spaces (code, links) counts one per 8 characters."""
    cjk = len(_CJK_CHAR.findall(text)) if not text.isascii() else 0
    words = len(text.split()) if not cjk else len(_CJK_CHAR.sub(" ", text).split())
    return 0.7 * cjk + max(words, (len(text) - cjk) / 8)


def split(blocks: Sequence[Block], title: str = "") -> list[Piece]:
    """The pieces of a document whose blocks come from `assemble`, in order.

    Pieces keep to one section and page unless it is very small, never end with a heading, and overlap only inside a
    block that was too long for one piece. `title` is left out of heading paths that begin with it.
    """
    text = BLOCK_SEPARATOR.join(block.text for block in blocks)
    pieces: list[Piece] = []
    for section in _sections(blocks):
        for start, end in _pack(section):
            inside = [block for block in section if block.start < end and block.end > start]
            heading = _common(inside)
            if heading and heading[0] == title:
                heading = heading[1:]
            pieces.append(Piece(text[start:end], HEADING_SEPARATOR.join(heading), _page(inside), start, end))
    return pieces


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Runs of blocks under one heading path and on one page; a small one is joined by the next while they share a
    parent."""
    section: list[Block] = []
    words = 0.0
    for block in blocks:
        if section and (block.heading, block.page) != (section[-1].heading, section[-1].page):
            has_body = any(each.kind != "heading" for each in section)
            related = block.heading[:1] == section[-1].heading[:1]
            if has_body and (words >= SMALL_WORDS or not related):
                yield section
                section, words = [], 0.0
        section.append(block)
        words += size(block.text)
    if section:
        yield section


def _common(blocks: Sequence[Block]) -> tuple[str, ...]:
    """The heading path that all of `blocks` are under."""
    paths = [block.heading for block in blocks]
    shared = 0
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return paths[0][:shared]


def _page(blocks: Sequence[Block]) -> int | None:
    """The page that most of `blocks` is on: readers are sent there."""
    held: Counter[int | None] = Counter()
    for block in blocks:
        held[block.page] += block.end - block.start
    return held.most_common(1)[0][0]


class _Unit(Struct):
    """What is never cut. `inner`: it continues the prose of the unit before; `glued`: it belongs to what follows."""

    start: int
    end: int
    words: float
    inner: bool
    glued: bool


def _pack(section: Sequence[Block]) -> Iterator[tuple[int, int]]:
    """Spans of about equal size, rarely above `PIECE_WORDS` by more than a sixth."""
    units = [unit for block in section for unit in _units(block)]
    total = sum(unit.words for unit in units)
    goal = total / math.ceil(total / PIECE_WORDS)
    piece: list[_Unit] = []
    words = 0.0
    for unit in units:
        full = words + unit.words / 2 > goal or words + unit.words > PIECE_WORDS * 7 / 6
        if full and not all(each.glued for each in piece):
            keep = len(piece)
            while piece[keep - 1].glued:
                keep -= 1
            yield piece[0].start, piece[keep - 1].end
            last = piece[keep - 1]
            piece = piece[keep:]
            words = sum(each.words for each in piece)
            if not piece and unit.inner and last.words <= OVERLAP_WORDS:
                piece = [last]
        piece.append(unit)
        words += unit.words
    yield piece[0].start, piece[-1].end


def _units(block: Block) -> Iterator[_Unit]:
    words = size(block.text)
    if words <= PIECE_WORDS:
        yield _Unit(block.start, block.end, words, inner=False, glued=block.kind == "heading")
        return
    prose = block.kind not in ("table", "code")
    inner = False
    for span in sentence_spans(block.text) if prose else _lines(block.text):
        for start, end in _halves(block.text, *span):
            yield _Unit(block.start + start, block.start + end, size(block.text[start:end]), inner=inner, glued=False)
            inner = prose


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"[^\n]*\S[^\n]*", text):
        yield match.span()


def _halves(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span, cut in halves at a space or clause until each part is small enough."""
    if size(text[start:end]) <= PIECE_WORDS or end - start < 2:
        yield start, end
        return
    middle = (start + end) // 2
    gap = _GAP.search(text, middle, end - 1)
    cut = gap.end() if gap else middle
    yield from _halves(text, start, cut)
    yield from _halves(text, cut, end)
