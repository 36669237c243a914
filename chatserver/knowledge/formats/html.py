"""HTML to Markdown, which Word documents and books take as their way too."""

from __future__ import annotations

from typing import Any

from chatserver.knowledge.blocks import clean, markdown_blocks, markdown_title
from chatserver.knowledge.formats.types import Parsed

__all__ = ["html", "markdown", "to_markdown"]

_PAGE_FURNITURE = ("script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form")
SHORT_TEXT = 200
"""trafilatura is made for articles; where it finds less than this, the whole body is taken."""


def html(text: str) -> Parsed:
    """A page's own content, without its navigation."""
    import trafilatura
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "lxml")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    options: dict[str, Any] = {"include_comments": False, "include_tables": True, "favor_recall": True}
    found = trafilatura.extract(str(soup), output_format="markdown", **options) or ""
    if len(found) < SHORT_TEXT:
        for tag in soup(_PAGE_FURNITURE):
            tag.decompose()
        found = max(found, to_markdown(str(soup.find("main") or soup.body or soup)), key=len)
    parsed = markdown(found)
    return Parsed(title or parsed.title, parsed.blocks)


def to_markdown(source: str) -> str:
    """All of the HTML in `source`, without links and pictures."""
    from markdownify import markdownify

    return clean(markdownify(source, heading_style="ATX", strip=["a", "img"], bullets="-"))


def markdown(text: str) -> Parsed:
    blocks = markdown_blocks(text)
    return Parsed(markdown_title(text, blocks), tuple(blocks))
