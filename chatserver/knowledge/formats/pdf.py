"""Text of PDF files by PDFium: paragraphs and tables with their page, under the headings of the document's outline."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chatserver.knowledge.blocks import clean
from chatserver.knowledge.formats import types
from chatserver.knowledge.formats.pdf_tables import Table, Word, tables
from chatserver.knowledge.formats.types import Parsed, ParseError, too_long
from chatserver.rag.split import Block
from chatserver.text import is_cjk

__all__ = ["PAGES", "pdf"]

PAGES = 5000
"""More is refused; half of it takes a minute."""
LETTERS_PER_PAGE = 4
"""Below this on the average there is no text in the file, only pictures of it."""
OUTLINE_ENTRIES = 10_000
TABLE_WORDS, PAGE_WORDS = 6, 5000
"""Tables are looked for on pages of so many words; a newspaper's has 3,000."""
MARGIN_PAGES = 4
"""From this many pages on, first and last lines that most pages share are headers and footers."""
FLAT = 0.01
"""Of its width: what is less high is no letter that was drawn."""

_END = re.compile(r"[.!?。！？:：;；…][\"'”’)）」』]*$")
_BULLET = re.compile(r"^\s*(?:[•·‣▪◦●○■□–-]\s|\(?\d{1,2}[.)]\s|[（(]?[一二三四五六七八九十]{1,3}[）)、])")
_DIGITS = re.compile(r"\d+")
_HYPHEN = re.compile("[\ufffe\x02](?:\r?\n)?")
_WORD = re.compile(r"\S+")
_NO_TITLE = re.compile(
    r"\W*(?:anonymous|untitled|document|无标题|無標題|未命名|未命名文档)\W*\d*"
    r"|microsoft \w+ - .*|.*\.(?:docx?|pptx?|indd|tex)",
    re.IGNORECASE,
)
"""What programs write when nobody names the document: its file name says more."""


def pdf(data: bytes) -> Parsed:
    """The title is that of the metadata."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise ParseError("The PDF is encrypted: remove its password first.") from None
        raise ParseError("The PDF is damaged and cannot be opened.") from None
    try:
        if len(document) > PAGES:
            raise ParseError(f"The PDF has {len(document)} pages; at most {PAGES} are read.")
        title = clean(document.get_metadata_value("Title") or "").strip()
        title = "" if _NO_TITLE.fullmatch(title) else title
        outline = _outline(document)
        pages = _pages(document)
    except pypdfium2.PdfiumError:
        raise ParseError("The PDF is damaged: one of its pages cannot be read.") from None
    finally:
        document.close()
    letters = sum(char.isalnum() for page in pages for line in page for char in _text(line))
    if not pages or letters < LETTERS_PER_PAGE * len(pages):
        raise ParseError("The PDF holds no text, only pictures (a scan): run it through text recognition (OCR) first.")
    return Parsed(title, tuple(_blocks(_without_margins(pages), outline)))


type _Page = list[str | Table]
"""Its lines, blank ones between paragraphs, and the tables in their place."""


def _pages(document: Any) -> list[_Page]:
    pages: list[_Page] = []
    total = 0
    for page in document:
        text_page = page.get_textpage()
        text = text_page.get_text_bounded()
        if (total := total + len(text)) > types.CHARS:
            raise too_long()
        pages.append(_with_tables(text_page) or _plain(text))
        text_page.close()
        page.close()
    return pages


def _plain(text: str) -> _Page:
    # PDFium marks a hyphen at the end of a line with U+FFFE or U+0002.
    return [line.strip() for line in clean(_HYPHEN.sub("", text)).split("\n")]


def _with_tables(text_page: Any) -> _Page | None:
    """The page when it has tables."""
    text = text_page.get_text_range()
    if len(text) != text_page.count_chars():  # then places in the text are not places on the page
        return None
    spans = [match.span() for match in _WORD.finditer(text)]
    if not TABLE_WORDS <= len(spans) <= PAGE_WORDS:
        return None
    if not (found := tables([_word(text_page, text, *span) for span in spans])):
        return None
    of = {n: table for table in found for n in table.words}
    page: _Page = []
    kept = ""
    at = 0
    for n, (start, end) in enumerate(spans):
        if table := of.get(n):
            if table not in page:
                page += [*_plain(kept), table]
                kept = ""
        else:
            kept += "\n" + text[start:end] if n - 1 in of else text[at:end]
        at = end
    return [*page, *_plain(kept)]


def _word(text_page: Any, text: str, start: int, end: int) -> Word:
    left, bottom, right, top = _box(text_page, start)
    if end - start > 1:
        _, low, right, high = _box(text_page, end - 1)
        bottom, top = min(bottom, low), max(top, high)
    return Word(text[start:end], left, right, bottom, top)


def _box(text_page: Any, place: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a character, in points."""
    box: tuple[float, float, float, float] = text_page.get_charbox(place)
    # Of a font that the file names but does not hold, nothing is drawn where this machine has none like it.
    drawn = box[3] - box[1] > FLAT * (box[2] - box[0])
    return box if drawn else text_page.get_charbox(place, loose=True)


def _outline(document: Any) -> list[tuple[int, int, str]]:
    """(page from 0, level from 0, title) of each bookmark, in order."""
    entries: list[tuple[int, int, str]] = []
    for bookmark in document.get_toc(max_depth=6):
        if len(entries) == OUTLINE_ENTRIES:
            break
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        title = " ".join(clean(bookmark.get_title() or "").split())[:200]
        if page is not None and title:
            entries.append((page, bookmark.level, title))
    return sorted(entries, key=lambda entry: entry[0])


def _without_margins(pages: Sequence[_Page]) -> list[_Page]:
    """The pages without the lines at their edges that recur on most of them, numbers aside."""

    def edges(lines: _Page) -> Iterator[int]:
        filled = [n for n, line in enumerate(lines) if line]
        yield from {*filled[:2], *filled[-2:]}

    seen: Counter[str] = Counter()
    for lines in pages:
        seen.update({_pattern(lines[n]) for n in edges(lines)})
    common = {line for line, count in seen.items() if count >= max(MARGIN_PAGES, 0.6 * len(pages))}
    return [
        [line for n, line in enumerate(lines) if not (n in set(edges(lines)) and _pattern(line) in common)]
        for lines in pages
    ]


def _pattern(line: str | Table) -> str:
    return _DIGITS.sub("#", _text(line))


def _text(line: str | Table) -> str:
    return line if isinstance(line, str) else "\n".join(line.rows)


def _blocks(pages: Sequence[_Page], outline: Sequence[tuple[int, int, str]]) -> Iterator[Block]:
    path: list[str] = []
    at = 0
    for number, lines in enumerate(pages):
        waiting: dict[str, tuple[int, str]] = {}
        while at < len(outline) and outline[at][0] <= number:
            _, level, title = outline[at]
            waiting[_key(title)] = (level, title)
            at += 1
        here = {_key(line) for line in lines if isinstance(line, str)}
        for key in [key for key in waiting if key not in here]:  # its words aren't a line of the page: from the top on
            path = _deeper(path, *waiting.pop(key))
        body: list[str] = []
        for line in lines:
            if isinstance(line, Table):
                yield from _paragraphs(body, tuple(path), number + 1)
                body = []
                yield Block(clean(_text(line)), tuple(path), number + 1, kind="table")
            elif entry := waiting.pop(_key(line), None):
                yield from _paragraphs(body, tuple(path), number + 1)
                body = []
                path = _deeper(path, *entry)
                yield Block(line, tuple(path), number + 1, kind="heading")
            else:
                body.append(line)
        yield from _paragraphs(body, tuple(path), number + 1)


def _key(line: str) -> str:
    return "".join(line.split()).casefold()


def _deeper(path: Sequence[str], level: int, title: str) -> list[str]:
    return [*path[:level], title]


def _paragraphs(lines: Sequence[str], heading: tuple[str, ...], page: int) -> Iterator[Block]:
    """A PDF knows lines only: a paragraph ends at a blank one, before a bullet, or with a sentence that ends early."""
    widths = sorted(len(line) for line in lines if line)
    full = widths[int(len(widths) * 0.8)] if widths else 0
    paragraph: list[str] = []
    for line in lines:
        if paragraph and (not line or _BULLET.match(line)):
            yield Block(_joined(paragraph), heading, page)
            paragraph = []
        if line:
            paragraph.append(line)
            if len(line) < 0.8 * full and _END.search(line):
                yield Block(_joined(paragraph), heading, page)
                paragraph = []
    if paragraph:
        yield Block(_joined(paragraph), heading, page)


def _joined(lines: Iterable[str]) -> str:
    """One line of text: Chinese needs no space where the line was wrapped."""
    text = ""
    for line in lines:
        gap = "" if not text or (is_cjk(text[-1]) and is_cjk(line[0])) or text[-1] in "，。；：、！？" else " "
        text += gap + line
    return text
