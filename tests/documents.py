"""Real files of each format, made by the libraries that people use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from docx import Document as Word
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

__all__ = ["docx", "epub", "pdf", "pptx", "xlsx", "zipped"]


def pdf(pages: list[list[str]], *, outline: dict[int, str] | None = None, title: str = "", **options: object) -> bytes:
    """Real pages of 12-point lines; `outline` names the first line of a page (from 0)."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, **options)
    canvas.setTitle(title)
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    for number, lines in enumerate(pages):
        if outline and number in outline:
            canvas.bookmarkPage(f"p{number}")
            canvas.addOutlineEntry(outline[number], f"p{number}")
        for n, line in enumerate(lines):
            canvas.setFont("Helvetica" if line.isascii() else "STSong-Light", 12)
            canvas.drawString(72, 770 - 16 * n, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def docx(*paragraphs: str, title: str = "") -> bytes:
    word = Word()
    if title:
        word.add_heading(title, 1)
    for paragraph in paragraphs:
        word.add_paragraph(paragraph)
    buffer = io.BytesIO()
    word.save(buffer)
    return buffer.getvalue()


def pptx(*slides: tuple[str, list[str]], notes: Mapping[int, str] | None = None) -> bytes:
    """Slides of a title and its points; `notes` by the slide's number from 1."""
    presentation = Presentation()
    for number, (title, points) in enumerate(slides, 1):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = "\n".join(points)
        if notes and number in notes:
            slide.notes_slide.notes_text_frame.text = notes[number]
    buffer = io.BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def text_box(slide: Any, text: str, *, left: float, top: float) -> None:
    """`left` and `top` in inches."""
    slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1)).text_frame.text = text


def xlsx(**sheets: Sequence[Sequence[object]]) -> bytes:
    """A workbook of the named sheets' rows."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def epub(
    chapters: Mapping[str, str], *, title: str = "A book", labels: Mapping[str, str] | None = None, **more: str
) -> bytes:
    """`chapters`: the body of each file, in order; `labels`: what the table of contents calls them; `more`: files by
    the name of their path with `_` for `/`."""
    items = "".join(
        f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    if labels:
        items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{}</body></html>'
    links = "".join(f'<li><a href="{name}">{label}</a></li>' for name, label in (labels or {}).items())
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": _CONTAINER,
            "OEBPS/book.opf": package,
            **({"OEBPS/nav.xhtml": page.format(f"<nav><ol>{links}</ol></nav>")} if labels else {}),
            **{f"OEBPS/{name}": page.format(body) for name, body in chapters.items()},
            **{name.replace("_", "/"): content for name, content in more.items()},
        }
    )
