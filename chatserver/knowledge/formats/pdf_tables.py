"""Tables in the text of a PDF page, which knows no tables: only words and where they stand.

Words that stand close make a segment, segments at one height a line, and lines whose segments leave the same gaps free
from top to bottom a table. Prose in two columns does that too; but its lines fill their column, and cells don't. Where
it can't be told, it is no table: prose torn into rows is worse than a table read as lines.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from msgspec import Struct

from chatserver.text import is_cjk

__all__ = ["Table", "Word", "tables"]

SEGMENT_GAP = 1.2
"""In heights of a letter: a wider gap separates cells. Justified lines stretch
their spaces to less, and typewriter letters have theirs."""
COLUMN_GAP = 0.4
TIGHT = 0.8
"""Lines of one cell stand closer than this part of what rows do."""
LINES = 3
FILLED = 0.5
"""The part of the cells that hold something."""
PROSE_CHARS = 22
PROSE_FILL = 0.8
"""A column whose lines have so many characters, and fill so much of its width, in the middle of them all, is prose."""

_MARKER = re.compile(r"[•·‣▪◦●○■□–*-]|[(（\[]?(?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[.)）\]、]{1,2}")


class Word(Struct, frozen=True):
    """Sides in points, from the left and the bottom of the page."""

    text: str
    left: float
    right: float
    bottom: float
    top: float


class Table(Struct, frozen=True):
    """`words`: the places, in what was given, of those that are in it."""

    rows: tuple[str, ...]
    words: frozenset[int]


class _Segment(Struct):
    left: float
    right: float
    middle: float
    text: str
    words: list[int]


type _Line = list[_Segment]
type _Column = tuple[float, float]


def tables(words: Sequence[Word]) -> list[Table]:
    """The tables among the words of a page, which come as they are read."""
    height = median(word.top - word.bottom for word in words) if words else 0.0
    # Words that stand on end, and drawings that are letters.
    upright = [n for n, word in enumerate(words) if 0.2 * height < word.top - word.bottom < 3 * height]
    lines = _lines(_segments(words, upright, height), height)
    return [found for run in _runs(lines, height) if (found := _table(run, height))]


def _segments(words: Sequence[Word], upright: Iterable[int], height: float) -> list[_Segment]:
    segments: list[_Segment] = []
    for n in upright:
        word = words[n]
        middle = (word.bottom + word.top) / 2
        last = segments[-1] if segments else None
        near = last is not None and -height < word.left - last.right < SEGMENT_GAP * height
        if last is not None and near and abs(middle - last.middle) < 0.6 * height:
            gap = "" if is_cjk(last.text[-1]) and is_cjk(word.text[0]) else " "
            last.text += gap + word.text
            last.right = max(last.right, word.right)
            last.words.append(n)
        else:
            segments.append(_Segment(word.left, word.right, middle, word.text, [n]))
    return segments


def _lines(segments: list[_Segment], height: float) -> list[_Line]:
    """From the top of the page to its bottom, each from left to right."""
    lines: list[_Line] = []
    for segment in sorted(segments, key=lambda segment: -segment.middle):
        if lines and lines[-1][0].middle - segment.middle < 0.6 * height:
            lines[-1].append(segment)
        else:
            lines.append([segment])
    return [sorted(line, key=lambda segment: segment.left) for line in lines]


def _runs(lines: Sequence[_Line], height: float) -> Iterator[list[_Line]]:
    """Lines one after the other that have at least two columns in common."""
    run: list[_Line] = []
    for line in lines:
        if run and _fits(run, line, height):
            run.append(line)
            continue
        yield run
        # The line that ends a table may begin the next one.
        run = [line] if len(line) > 1 else []
    yield run


def _fits(run: Sequence[_Line], line: _Line, height: float) -> bool:
    near = run[-1][0].middle - line[0].middle < 4 * height
    columns = _columns(run, height)
    together = _columns([*run, line], height)
    if len(line) == 1:
        # The rest of a cell that took several lines, never a line that spans columns.
        return near and len(together) == len(columns) and any(len(each) > 1 for each in run[-2:])
    # A first line may lack a column that the others have, but two never become one.
    return near and len(together) >= max(2, len(columns))


def _columns(lines: Iterable[_Line], height: float) -> list[_Column]:
    """The stretches that are not free in all lines."""
    columns: list[_Column] = []
    for left, right in sorted((segment.left, segment.right) for line in lines for segment in line):
        if columns and left - columns[-1][1] < COLUMN_GAP * height:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _table(run: list[_Line], height: float) -> Table | None:
    columns = _columns(run, height)
    cells = [[_cell(line, column) for column in columns] for line in run]
    usual = _usual_gap(run, cells)
    while len(run) > 1 and len(run[-1]) == 1 and _gap(*run[-2:]) >= TIGHT * usual:  # what begins below a column
        run, cells = run[:-1], cells[:-1]
    if len(columns) < 2 or sum(sum(map(bool, row)) > 1 for row in cells) < LINES:
        return None
    rows = list(_rows(run, cells, usual))
    filled = sum(bool(cell) for row in rows for cell in row)
    if len(rows) < LINES or filled < FILLED * len(rows) * len(columns):
        return None
    if len(columns) == 2 and all(_MARKER.fullmatch(row[0]) for row in rows if row[0]):  # a list
        return None
    if any(_is_prose(run, cells, n, column) for n, column in enumerate(columns)):
        return None
    words = frozenset(n for line in run for segment in line for n in segment.words)
    return Table(tuple(" | ".join(row) for row in rows), words)


def _cell(line: _Line, column: _Column) -> str:
    return " ".join(segment.text for segment in line if column[0] <= segment.left <= column[1])


def _is_prose(run: Sequence[_Line], cells: Sequence[Sequence[str]], n: int, column: _Column) -> bool:
    """Whether a column is running text. A long text in a cell is none: the other columns are free beside its lines."""
    beside = [(line, row) for line, row in zip(run, cells, strict=True) if row[n]]
    alone = sum(sum(map(bool, row)) == 1 for _, row in beside)
    if len(beside) < LINES or alone > 0.3 * len(beside):
        return False
    width = column[1] - column[0]
    fills = [
        sum(segment.right - segment.left for segment in line if column[0] <= segment.left <= column[1]) / width
        for line, _ in beside
    ]
    return median(len(row[n]) for _, row in beside) >= PROSE_CHARS and median(fills) >= PROSE_FILL


def _gap(above: _Line, below: _Line) -> float:
    return above[0].middle - below[0].middle


def _usual_gap(run: Sequence[_Line], cells: Sequence[list[str]]) -> float:
    """From one row to the next: between lines that lack no cell, or else the widest there is."""
    gaps = [_gap(above, below) for above, below in itertools.pairwise(run)]
    whole = [gap for gap, pair in zip(gaps, itertools.pairwise(cells), strict=True) if all(map(all, pair))]
    return median(whole) if whole else max(gaps, default=0.0)


def _rows(run: Sequence[_Line], cells: Sequence[list[str]], usual: float) -> Iterator[list[str]]:
    """Lines that stand closer than rows do, where one of them lacks cells, are one row."""
    row = cells[0]
    for lines, pair in zip(itertools.pairwise(run), itertools.pairwise(cells), strict=True):
        if _gap(*lines) < TIGHT * usual and not all(map(all, pair)):
            row = [_joined(above, below) for above, below in zip(row, pair[1], strict=True)]
        else:
            yield row
            row = pair[1]
    yield row


def _joined(above: str, below: str) -> str:
    if not above or not below:
        return above or below
    return above + ("" if is_cjk(above[-1]) and is_cjk(below[0]) else " ") + below
