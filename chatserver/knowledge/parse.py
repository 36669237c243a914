"""Files to blocks: Markdown, plain text, HTML, PDF and DOCX.

What reads complex formats runs in a process of its own with a time and a memory limit: a file that makes a parser hang,
crash or eat memory becomes a failed document and nothing else. Such a process takes `python -m
chatserver.knowledge.parse PATH KIND` and writes its result to stdout as MessagePack.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from chatserver.config import BASE_DIR
from chatserver.knowledge.blocks import clean, markdown_blocks, markdown_title, text_blocks
from chatserver.knowledge.decode import decode
from chatserver.knowledge.pdf import PdfError, pdf_blocks
from chatserver.rag.split import Block

__all__ = ["EXTENSIONS", "MEDIA_TYPE", "Kind", "ParseError", "Parsed", "kind_of", "parse"]

CHARS = 10_000_000
"""A document's text; about 20 thick books."""
SECONDS = 120
MEMORY_BYTES = 2 * 1024**3
UNPACKED_BYTES = 512 * 1024 * 1024
"""What a DOCX, which is a ZIP file, may unpack to."""
MEMBERS = 10_000

type Kind = Literal["markdown", "text", "html", "pdf", "docx"]

EXTENSIONS: dict[str, Kind] = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text", ".rst": "text",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf", ".docx": "docx",
}  # fmt: skip
_MEDIA_TYPES: dict[str, Kind] = {
    "text/markdown": "markdown", "text/x-markdown": "markdown", "text/plain": "text", "text/html": "html",
    "application/xhtml+xml": "html", "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}  # fmt: skip
MEDIA_TYPE: dict[Kind, str] = {kind: name for name, kind in reversed(_MEDIA_TYPES.items())}
"""The name that is kept of a kind."""
_OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class ParseError(Exception):
    """Why a document can't be read, in words for its owner."""


class Parsed(Struct, frozen=True):
    """`title`: as the document names itself; empty where it doesn't."""

    title: str
    blocks: tuple[Block, ...]


def kind_of(name: str, media_type: str = "") -> Kind:
    """By the file's extension, or else by its media type. Raises `ParseError` for what can't be read."""
    suffix = Path(name).suffix.lower()
    if kind := EXTENSIONS.get(suffix) or _MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower()):
        return kind
    what = suffix or media_type or "without an extension"
    raise ParseError(f"Files of this type ({what}) are not supported; these are: {', '.join(EXTENSIONS)}.")


def parse(path: Path, kind: Kind) -> Parsed:
    """The document in the file. Raises `ParseError`; takes up to `SECONDS`."""
    if not path.stat().st_size:
        raise ParseError("The file is empty.")
    if kind in ("markdown", "text"):
        return _checked(_read(path, kind))
    command = [sys.executable, "-m", "chatserver.knowledge.parse", str(path.resolve()), kind]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            command, cwd=BASE_DIR, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ParseError(f"The file took more than {SECONDS} seconds to read.") from None
    try:
        answer = msgspec.msgpack.decode(done.stdout, type=Parsed | str)
    except msgspec.DecodeError:
        raise ParseError("The file is damaged or too complex: its reader crashed.") from None
    if isinstance(answer, str):
        raise ParseError(answer)
    return _checked(answer)


def _checked(parsed: Parsed) -> Parsed:
    if not any(char.isalnum() for block in parsed.blocks for char in block.text):
        raise ParseError("The file holds no text.")
    if sum(len(block.text) for block in parsed.blocks) > CHARS:
        raise ParseError(f"The file holds more than {CHARS:,} characters.")
    return parsed


def _read(path: Path, kind: Kind) -> Parsed:
    data = path.read_bytes()
    match kind:
        case "pdf":
            try:
                title, blocks = pdf_blocks(data, chars=CHARS)
            except PdfError as error:
                raise ParseError(str(error)) from None
            return Parsed(title, tuple(blocks))
        case "docx":
            return _from_markdown(_docx(path, data))
        case "html":
            title, markdown = _html(_text(data, html=True))
            parsed = _from_markdown(markdown)
            return Parsed(title or parsed.title, parsed.blocks)
        case "markdown":
            return _from_markdown(_text(data))
        case "text":
            return Parsed("", tuple(text_blocks(_text(data))))


def _from_markdown(text: str) -> Parsed:
    blocks = markdown_blocks(text)
    return Parsed(markdown_title(text, blocks), tuple(blocks))


def _text(data: bytes, *, html: bool = False) -> str:
    if (text := decode(data, html=html)) is None:
        raise ParseError("The file is no text, or in an unknown encoding: save it as UTF-8.")
    if len(text) > CHARS:
        raise ParseError(f"The file holds more than {CHARS:,} characters.")
    return clean(text)


# --- HTML and DOCX, by way of Markdown -------------------------------------------------------------------------------

_PAGE_FURNITURE = ("script", "style", "noscript", "template", "svg", "nav", "header", "footer", "aside", "form")
SHORT_TEXT = 200
"""trafilatura is made for articles; where it finds less than this, the whole body is taken."""


def _html(text: str) -> tuple[str, str]:
    """Title and Markdown of a page's own content."""
    import trafilatura
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "lxml")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    options: dict[str, Any] = {"include_comments": False, "include_tables": True, "favor_recall": True}
    found = trafilatura.extract(str(soup), output_format="markdown", **options) or ""
    if len(found) < SHORT_TEXT:
        for tag in soup(_PAGE_FURNITURE):
            tag.decompose()
        found = max(found, _markdown(str(soup.find("main") or soup.body or soup)), key=len)
    return title, found


def _docx(path: Path, data: bytes) -> str:
    import mammoth

    if data.startswith(_OLD_WORD):
        raise ParseError("The Word document is encrypted or of the old .doc format: save it as .docx without password.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError):
        raise ParseError("The Word document is damaged: it is no ZIP file.") from None
    if len(members) > MEMBERS or sum(member.file_size for member in members) > UNPACKED_BYTES:
        raise ParseError("The Word document unpacks to more than the server reads.")
    with path.open("rb") as file:
        # Pictures would arrive as text of many megabytes.
        converted = mammoth.convert_to_html(file, convert_image=lambda _: [])
    return _markdown(converted.value)


def _markdown(html: str) -> str:
    from markdownify import markdownify

    return clean(markdownify(html, heading_style="ATX", strip=["a", "img"], bullets="-"))


# --- the process that parses -----------------------------------------------------------------------------------------


def _main(path: str, kind: Kind) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: Parsed | str
    try:
        answer = _checked(_read(Path(path), kind))
    except ParseError as error:
        answer = str(error)
    except MemoryError:
        answer = "The file needs more memory to read than the server gives it."
    except Exception as error:
        # Whatever a library makes of a broken file is the file's failure.
        answer = f"The file is damaged and cannot be read ({type(error).__name__})."
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    _main(sys.argv[1], msgspec.convert(sys.argv[2], Kind))
