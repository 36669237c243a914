"""Spreadsheets (XLSX, XLS, ODS) and CSV: a section per sheet, a line per row.

Where a table names its columns, a row is written as `Product: Tea | Price: 2`. That takes more room than the bare
values, but a row is what a question is about, and what is quoted: it is found by the names of its columns, and can be
understood without the line that a chunk of row 900 doesn't hold.
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from chatserver.knowledge.blocks import clean
from chatserver.knowledge.formats import container
from chatserver.knowledge.formats.types import CHARS, Parsed, ParseError, too_long
from chatserver.rag.split import PIECE_WORDS, Block, size

__all__ = ["CELLS", "SHEETS", "delimited", "table", "workbook"]

SHEETS = 200
CELLS = 5_000_000
"""Of a sheet, the empty ones within its corners counted: a reader keeps room for each."""
CELL_CHARS = 100_000
HEADER_CHARS = 80
LOOKED_AT = 200
"""Rows that decide whether the first one names the columns, and which character separates the values."""
DELIMITERS = ",;\t|"

_NUMBER = re.compile(r"[-+(]?\s*[$€£¥₣]?\s*\d[\d.,'’ /:-]*\s*(?:%|[$€£¥]|[A-Z]{3})?\)?")


# --- files -----------------------------------------------------------------------------------------------------------


def workbook(path: Path) -> Parsed:
    """Hidden sheets are left out: they hold what their author shows nobody."""
    import python_calamine as calamine

    if zipfile.is_zipfile(path):
        container.check(path, "The spreadsheet")
    blocks: list[Block] = []
    try:
        # An open file, so that calamine looks at the bytes and not at the name.
        with path.open("rb") as file, calamine.load_workbook(file) as book:
            shown = [each for each in book.sheets_metadata if each.visible == calamine.SheetVisibleEnum.Visible]
            if len(shown) > SHEETS:
                raise ParseError(f"The spreadsheet has {len(shown)} sheets; at most {SHEETS} are read.")
            chars = 0
            for each in shown:
                if each.typ != calamine.SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_name(each.name)
                if sheet.width * sheet.height > CELLS:
                    raise ParseError(f"The sheet {each.name!r} has more than {CELLS:,} cells.")
                added = table(_filled(_text_rows(sheet.iter_rows())), clean(each.name).strip())
                if (chars := chars + sum(len(block.text) for block in added)) > CHARS:
                    raise too_long()
                blocks += added
    except calamine.PasswordError:
        raise ParseError("The spreadsheet is encrypted: save it without password.") from None
    except calamine.CalamineError as error:
        raise ParseError(f"The spreadsheet is damaged and cannot be read ({type(error).__name__}).") from None
    return Parsed("", tuple(blocks))


def delimited(text: str) -> Parsed:
    """CSV and its relatives, whichever of `DELIMITERS` they use."""
    delimiter = _delimiter(text)
    csv.field_size_limit(CELL_CHARS)
    try:
        rows = list(_filled(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
    except csv.Error:
        # A quotation mark that never ends swallows the rest; then it was no quotation mark.
        lines = text.splitlines()
        rows = list(_filled(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)))
    return Parsed("", tuple(table(rows)))


def _delimiter(text: str) -> str:
    """The one by which most of the first rows have the same number of values, and more than one."""
    head = list(itertools.islice(text.splitlines(), LOOKED_AT))

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(head, delimiter=delimiter) if len(row) > 1]
        usual = max(set(widths), key=widths.count, default=0)
        return widths.count(usual), usual

    try:
        return max(DELIMITERS, key=agreement)
    except csv.Error:
        return ","


# --- rows to blocks --------------------------------------------------------------------------------------------------


def table(rows: Iterable[Sequence[str]], name: str = "") -> list[Block]:
    """The blocks of one table: a heading where it has a name, what stands alone above the columns, and the rows."""
    rows = list(rows)
    heading = (name,) if name else ()
    blocks = [Block(name, heading, kind="heading")] if name and rows else []
    start = next((n for n, row in enumerate(rows) if sum(map(bool, row)) > 1), 0)
    blocks += [Block(" ".join(filter(None, row)), heading) for row in rows[:start]]
    rows = rows[start:]
    names = rows[0] if _names_columns(rows[:LOOKED_AT]) else ()
    lines = itertools.chain.from_iterable(_lines(row, names) for row in rows[bool(names) :])
    blocks.append(Block("\n".join(lines), heading, kind="table"))
    return blocks


def _names_columns(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: short, distinct words above values of another sort.

    With two columns of words alone ("Opening hours | 9 to 6") that can't be told; then it must be much shorter than
    what is below it ("Question | Answer").
    """
    if len(rows) < 2:
        return False
    first, below = rows[0], rows[1:]
    named = [cell for cell in first if cell]
    if len(named) < 2 or len(set(named)) < len(named) or len(named) < max(map(_width, below)) / 2:
        return False
    if any(len(cell) > HEADER_CHARS or _NUMBER.fullmatch(cell) for cell in named):
        return False
    if len(named) > 2:
        return True
    for n, name in enumerate(first):
        values = [row[n] for row in below if n < len(row) and row[n]]
        numbers = sum(bool(_NUMBER.fullmatch(value)) for value in values)
        if name and values and (numbers * 2 > len(values) or sum(map(len, values)) > 3 * len(name) * len(values)):
            return True
    return False


def _width(row: Sequence[str]) -> int:
    return max((n for n, cell in enumerate(row, 1) if cell), default=0)


def _lines(row: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """The row in one line, or in several that begin with its first value where a passage couldn't hold it."""
    cells = [
        f"{names[n]}: {cell}" if n < len(names) and names[n] else cell
        for n, cell in enumerate(row)
        if cell or (not names and n < _width(row))
    ]
    line = " | ".join(cells)
    if size(line) <= PIECE_WORDS or len(cells) < 3:
        yield line
        return
    part, words = cells[:1], size(cells[0])
    for cell in cells[1:]:
        if len(part) > 1 and words + size(cell) > PIECE_WORDS:
            yield " | ".join(part)
            part, words = cells[:1], size(cells[0])
        part.append(cell)
        words += size(cell)
    yield " | ".join(part)


def _filled(rows: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Rows that hold something, each cell in one line."""
    for row in rows:
        cells = [" ".join(clean(cell).split()) for cell in row]
        if any(cells):
            yield cells


def _text_rows(rows: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    chars = 0
    for row in rows:
        cells = [_text(cell) for cell in row]
        if (chars := chars + sum(map(len, cells))) > CHARS:
            raise too_long()
        yield cells


def _text(value: Any) -> str:
    """A cell as people read it: 2 rather than 2.0, a day without its midnight."""
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.15g}" if abs(value) < 1e15 else f"{value:.0f}" if abs(value) < 1e21 else str(value)
        case datetime.datetime():
            whole_day = value.time() == datetime.time()
            return value.date().isoformat() if whole_day else value.isoformat(" ", "minutes")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
