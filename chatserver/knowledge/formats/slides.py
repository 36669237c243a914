"""PowerPoint presentations (PPTX): a section per slide, under the slide's title; its number is the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chatserver.knowledge.blocks import clean
from chatserver.knowledge.formats import container
from chatserver.knowledge.formats.types import Parsed, ParseError
from chatserver.rag.split import Block

__all__ = ["SLIDES", "pptx"]

SLIDES = 2000
GROUPS = 20
"""Groups within groups; deeper ones are left out."""
TITLE_CHARS = 200
ROW = 228_600
"""Shapes whose tops are in one quarter of an inch (in EMU) stand side by side."""


def pptx(path: Path) -> Parsed:
    """Hidden slides are left out: whoever shows the presentation doesn't show them."""
    from pptx import Presentation

    container.check(path, "The presentation")
    presentation = Presentation(str(path))
    if len(presentation.slides) > SLIDES:
        raise ParseError(f"The presentation has {len(presentation.slides)} slides; at most {SLIDES} are read.")
    blocks: list[Block] = []
    for number, slide in enumerate(presentation.slides, 1):
        if slide.element.get("show") not in ("0", "false"):
            blocks += _slide(slide, number)
    return Parsed(clean(presentation.core_properties.title or "").strip(), tuple(blocks))


def _slide(slide: Any, number: int) -> Iterator[Block]:
    named = slide.shapes.title
    title = " ".join(clean(named.text_frame.text).split()) if named is not None and named.has_text_frame else ""
    heading = (title,) if 0 < len(title) <= TITLE_CHARS else ()
    if title:
        yield Block(title, heading, number, kind="heading" if heading else "text")
    for shape in _in_order(slide.shapes):
        if named is not None and shape.shape_id == named.shape_id:
            continue
        if shape.has_text_frame:
            for text in _points(shape.text_frame.paragraphs):
                yield Block(text, heading, number, kind="item" if text.startswith("- ") else "text")
        elif getattr(shape, "has_table", False):
            yield Block("\n".join(_rows(shape.table)), heading, number, kind="table")
        elif getattr(shape, "has_chart", False):
            yield Block("\n".join(_chart(shape.chart)), heading, number, kind="table")
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        for text in _points(notes.paragraphs):
            yield Block(text, heading, number)


def _in_order(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """As they are read: from the top, those of one height from the left; a group's shapes stay together."""
    for shape in sorted(shapes, key=lambda shape: ((shape.top or 0) // ROW, shape.left or 0)):
        if hasattr(shape, "shapes"):
            if depth < GROUPS:
                yield from _in_order(shape.shapes, depth + 1)
        else:
            yield shape


def _points(paragraphs: Iterable[Any]) -> Iterator[str]:
    """The paragraphs, each with the deeper ones below it."""
    point: list[str] = []
    for paragraph in paragraphs:
        if not (text := clean(paragraph.text.replace("\v", "\n")).strip()):
            continue
        if point and not paragraph.level:
            yield "\n".join(point)
            point = []
        point.append(f"{'  ' * paragraph.level}- {text}" if paragraph.level else text)
    if point:
        yield "\n".join(point)


def _rows(table: Any) -> Iterator[str]:
    for row in table.rows:
        if any(cells := [" ".join(clean(cell.text).split()) for cell in row.cells]):
            yield " | ".join(cells)


def _chart(chart: Any) -> Iterator[str]:
    """The numbers that a chart draws: a row for each series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield clean(chart.chart_title.text_frame.text).strip()
    for plot in chart.plots:
        names = [str(name) for name in plot.categories]
        for series in plot.series:
            pairs = zip(names, series.values, strict=False)
            shown = [f"{name}: {value:g}" for name, value in pairs if value is not None]
            yield " | ".join([clean(series.name or ""), *shown])
