"""Reads one file into blocks. As `python -m chatserver.knowledge.reader` it is the process that reads what is complex:
it takes a `Request` on stdin and writes the answer to stdout, as MessagePack.

That process is the cell for hostile files. The kernel bounds its memory, its time and what it writes, ends it with its
parent, and serves everything else first; it is given none of the server's secrets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from chatserver.knowledge.blocks import clean, text_blocks
from chatserver.knowledge.decode import decode
from chatserver.knowledge.formats import types
from chatserver.knowledge.formats.types import Parsed, ParseError, too_long
from chatserver.knowledge.kinds import Kind, check_content
from chatserver.processes import end_with_parent

with contextlib.suppress(ImportError):  # as on Windows
    import resource

__all__ = ["ANSWER_BYTES", "Request", "read"]

ANSWER_BYTES = 128 * 1024 * 1024
"""The answer at most: `CHARS` in MessagePack, with room for the headings that are repeated in every block."""
BLOCKS = 1_000_000
NICE = 10


class Request(Struct, frozen=True):
    """`name`: as its owner calls the file. `parent`: the process that waits for the answer."""

    path: str
    kind: Kind
    name: str
    seconds: int
    memory_bytes: int
    parent: int


def read(path: Path, kind: Kind, name: str) -> Parsed:
    """Raises `ParseError`, and whatever a library makes of a broken file."""
    parsed = _read(path, check_content(path, kind, name), name)
    if not any(char.isalnum() for block in parsed.blocks for char in block.text):
        raise ParseError("The file holds no text.")
    if len(parsed.blocks) > BLOCKS or sum(len(block.text) for block in parsed.blocks) > types.CHARS:
        raise too_long()
    return parsed


def _read(path: Path, kind: Kind, name: str) -> Parsed:
    # Each format's libraries are loaded only when one comes.
    match kind:
        case "markdown":
            from chatserver.knowledge.formats.html import markdown

            return markdown(_text(path))
        case "text":
            return Parsed("", tuple(text_blocks(_text(path))))
        case "code":
            from chatserver.knowledge.formats.code import code

            return code(_text(path), name)
        case "csv":
            from chatserver.knowledge.formats.sheets import delimited

            return delimited(_text(path))
        case "html":
            from chatserver.knowledge.formats.html import html

            return html(_text(path, html=True))
        case "pdf":
            from chatserver.knowledge.formats.pdf import pdf

            return pdf(path.read_bytes())
        case "docx":
            from chatserver.knowledge.formats.word import docx

            return docx(path)
        case "pptx":
            from chatserver.knowledge.formats.slides import pptx

            return pptx(path)
        case "xlsx" | "xls" | "ods":
            from chatserver.knowledge.formats.sheets import workbook

            return workbook(path)
        case "epub":
            from chatserver.knowledge.formats.epub import epub

            return epub(path)
        case "zip":
            raise ParseError("An archive within an archive is not read.")


def _text(path: Path, *, html: bool = False) -> str:
    data = path.read_bytes()
    if len(data) > 4 * types.CHARS:  # so many bytes are more characters in any encoding
        raise too_long()
    if (text := decode(data, html=html)) is None:
        raise ParseError("The file is no text, or in an unknown encoding: save it as UTF-8.")
    if len(text) > types.CHARS:
        raise too_long()
    return clean(text)


# --- the process that parses -----------------------------------------------------------------------------------------


def _confine(request: Request) -> None:
    if sys.platform == "win32":
        return  # it knows no such limits: there, time alone is bounded, by who waits
    end_with_parent(signal.SIGKILL)
    if sys.platform == "linux" and os.getppid() != request.parent:  # which died before
        os._exit(1)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (request.memory_bytes, request.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (request.seconds, request.seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (ANSWER_BYTES, ANSWER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    _confine(request)
    answer: Parsed | str
    try:
        answer = read(Path(request.path), request.kind, request.name)
    except ParseError as error:
        answer = str(error)
    except MemoryError:
        answer = "The file needs more memory to read than the server gives it (PARSE_MEMORY_BYTES)."
    except Exception as error:
        # Whatever a library makes of a broken file is the file's failure.
        answer = f"The file is damaged and cannot be read ({type(error).__name__})."
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))
    sys.stdout.flush()
    os._exit(0)  # what a library would do at exit is of no use to anybody


if __name__ == "__main__":
    _main()
