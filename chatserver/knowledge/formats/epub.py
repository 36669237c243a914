"""EPUB books: the chapters in the order of the spine, each by way of HTML. The layout is that of EPUB 3.3 (W3C)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from chatserver.knowledge.blocks import clean, markdown_blocks
from chatserver.knowledge.decode import decode
from chatserver.knowledge.formats import container
from chatserver.knowledge.formats.html import to_markdown
from chatserver.knowledge.formats.types import CHARS, Parsed, ParseError, too_long
from chatserver.rag.split import Block

__all__ = ["CHAPTERS", "epub"]

CHAPTERS = 5000
MARKUP_CHARS = 4 * CHARS
"""Of a chapter, with its tags."""
_LEFT_OUT = ("script", "style", "svg", "nav", "head")
_PAGES = ("application/xhtml+xml", "text/html")


def epub(path: Path) -> Parsed:
    container.check(path, "The book")
    with container.opened(path) as archive:
        package = _package(archive)
        root = _xml(archive, package)
        found: dict[str, tuple[str, str]] = {}
        for item in root.iterfind(".//{*}manifest/{*}item"):
            name = _resolved(package, item.get("href", ""))
            found[item.get("id", "")] = (name, item.get("media-type", ""))
        spine = [item.get("idref", "") for item in root.iterfind(".//{*}spine/{*}itemref")]
        chapters = [found[id_][0] for id_ in spine if id_ in found and found[id_][1] in _PAGES]
        if not chapters:
            raise ParseError("The book names no chapters.")
        if len(chapters) > CHAPTERS:
            raise ParseError(f"The book has {len(chapters)} chapters; at most {CHAPTERS} are read.")
        if _locked(archive) & set(chapters):
            raise ParseError("The book is locked (DRM): only its own reader can open it.")
        title = root.findtext(".//{*}metadata/{http://purl.org/dc/elements/1.1/}title") or ""
        labels = _labels(archive, {kind: name for name, kind in found.values()}, root, package)
        blocks: list[Block] = []
        chars = 0
        for chapter in chapters:
            added = _chapter(archive, chapter, labels.get(chapter, ""))
            if (chars := chars + sum(len(block.text) for block in added)) > CHARS:
                raise too_long()
            blocks += added
    return Parsed(" ".join(clean(title).split()), tuple(blocks))


def _chapter(archive: zipfile.ZipFile, name: str, label: str) -> list[Block]:
    """`label`: what the table of contents calls it, for a chapter that has no heading of its own."""
    from bs4 import BeautifulSoup

    text = decode(_bytes(archive, name), html=True)
    if text is None:
        raise ParseError(f"The chapter {posixpath.basename(name)} is in an unknown encoding.")
    if len(text) > MARKUP_CHARS:
        raise too_long()
    soup = BeautifulSoup(text, "lxml")
    for tag in soup(_LEFT_OUT):
        tag.decompose()
    blocks = markdown_blocks(to_markdown(str(soup.body or soup)))
    if not label or not blocks or any(block.kind == "heading" for block in blocks):
        return blocks
    inside = [Block(block.text, (label,), kind=block.kind) for block in blocks]
    return [Block(label, (label,), kind="heading"), *inside]


# --- the package -----------------------------------------------------------------------------------------------------


def _package(archive: zipfile.ZipFile) -> str:
    rootfile = _xml(archive, "META-INF/container.xml").find(".//{*}rootfile")
    if rootfile is None or not rootfile.get("full-path"):
        raise ParseError("The book is damaged: it names no package.")
    return str(rootfile.get("full-path"))


def _labels(archive: zipfile.ZipFile, by_kind: dict[str, str], root: Any, package: str) -> dict[str, str]:
    """What the table of contents calls each file: EPUB 3 has a page of links, EPUB 2 an NCX."""
    labels: dict[str, str] = {}
    for name, text in _contents(archive, by_kind, root, package):
        labels.setdefault(name, " ".join(clean(text).split())[:200])
    return labels


def _contents(archive: zipfile.ZipFile, by_kind: dict[str, str], root: Any, package: str) -> Iterator[tuple[str, str]]:
    pages = [item for item in root.iterfind(".//{*}item") if "nav" in item.get("properties", "").split()]
    if pages:
        name = _resolved(package, pages[0].get("href", ""))
        for link in _xml(archive, name).iterfind(".//{*}nav//{*}a"):
            yield _resolved(name, link.get("href", "")), "".join(link.itertext())
    elif name := by_kind.get("application/x-dtbncx+xml", ""):
        for point in _xml(archive, name).iterfind(".//{*}navPoint"):
            source = point.find("{*}content")
            if source is not None:
                yield _resolved(name, source.get("src", "")), point.findtext("{*}navLabel/{*}text") or ""


def _locked(archive: zipfile.ZipFile) -> set[str]:
    """The files that are encrypted; fonts often are, in books that anybody may read."""
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    references = _xml(archive, "META-INF/encryption.xml").iterfind(".//{*}CipherReference")
    return {_resolved("", each.get("URI", "")) for each in references}


def _resolved(base: str, href: str) -> str:
    """The name within the archive of what `base` links to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(urlsplit(href).path)))


def _xml(archive: zipfile.ZipFile, name: str) -> Any:
    from lxml import etree

    # No entities: neither files of ours nor a billion laughs.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(_bytes(archive, name), parser)
    if root is None:
        raise ParseError(f"The book is damaged: {posixpath.basename(name)} is no XML.")
    return root


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError:
        raise ParseError(f"The book is damaged: it lacks {posixpath.basename(name)}.") from None
