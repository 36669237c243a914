"""Word documents (DOCX), by way of HTML."""

from __future__ import annotations

from pathlib import Path

from chatserver.knowledge.formats import container
from chatserver.knowledge.formats.html import markdown, to_markdown
from chatserver.knowledge.formats.types import Parsed

__all__ = ["docx"]


def docx(path: Path) -> Parsed:
    import mammoth

    container.check(path, "The Word document")
    with path.open("rb") as file:
        # Pictures would arrive as text of many megabytes.
        converted = mammoth.convert_to_html(file, convert_image=lambda _: [])
    return markdown(to_markdown(converted.value))
