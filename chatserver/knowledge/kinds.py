"""Which formats are read, by what names they go, and whether a file holds what its name says.

A file's name decides how it is read; its first bytes may only object. What is named .pdf and holds HTML is most often
the error page of a failed download: reading it as a page would fill the search with it in silence, so its owner is told
instead. Spreadsheets are the exception: programs save .xlsx as .xls so often that the bytes decide among them.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from chatserver.knowledge.formats.container import DAMAGE, opened
from chatserver.knowledge.formats.types import ParseError

__all__ = ["EXTENSIONS", "LANGUAGES", "MEDIA_TYPE", "Kind", "check_content", "kind_of", "passed_over"]

type Kind = Literal[
    "markdown", "text", "html", "pdf", "docx", "pptx", "xlsx", "xls", "ods", "csv", "epub", "code", "zip"
]
"""`zip`: an archive of the others (`chatserver.knowledge.archives`)."""

LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".jsx": "javascript", ".ts": "typescript", ".mts": "typescript", ".tsx": "typescript", ".vue": "vue",
    ".svelte": "svelte", ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".scala": "scala", ".groovy": "groovy",
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".m": "objectivec",
    ".cs": "csharp", ".fs": "fsharp", ".vb": "vb", ".go": "go", ".rs": "rust", ".rb": "ruby", ".php": "php",
    ".swift": "swift", ".dart": "dart", ".lua": "lua", ".r": "r", ".jl": "julia", ".pl": "perl", ".ex": "elixir",
    ".exs": "elixir", ".erl": "erlang", ".hs": "haskell", ".ml": "ocaml", ".clj": "clojure", ".sh": "bash",
    ".bash": "bash", ".zsh": "bash", ".ps1": "powershell", ".sql": "sql", ".graphql": "graphql", ".proto": "protobuf",
    ".tf": "hcl", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json", ".jsonl": "json",
    ".xml": "xml", ".ini": "ini", ".cfg": "ini", ".conf": "ini", ".properties": "ini", ".css": "css",
    ".scss": "scss", ".less": "less", ".tex": "latex",
}  # fmt: skip
"""Source code and what goes with it: the ending, and the language as the fence of a code block names it."""

EXTENSIONS: dict[str, Kind] = {
    ".md": "markdown", ".markdown": "markdown", ".txt": "text", ".text": "text", ".rst": "text", ".log": "text",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf", ".docx": "docx", ".pptx": "pptx",
    ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xls", ".ods": "ods", ".csv": "csv", ".tsv": "csv", ".epub": "epub",
    ".zip": "zip", **dict.fromkeys(LANGUAGES, "code"),
}  # fmt: skip
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MEDIA_TYPES: dict[str, Kind] = {
    "text/markdown": "markdown", "text/x-markdown": "markdown", "text/plain": "text", "text/html": "html",
    "application/xhtml+xml": "html", "application/pdf": "pdf", f"{_OFFICE}wordprocessingml.document": "docx",
    f"{_OFFICE}presentationml.presentation": "pptx", f"{_OFFICE}spreadsheetml.sheet": "xlsx",
    "application/vnd.ms-excel": "xls", "application/vnd.oasis.opendocument.spreadsheet": "ods", "text/csv": "csv",
    "text/tab-separated-values": "csv", "application/epub+zip": "epub", "text/x-source": "code",
    "application/json": "code", "application/xml": "code", "text/xml": "code", "application/yaml": "code",
    "application/zip": "zip", "application/x-zip-compressed": "zip",
}  # fmt: skip
MEDIA_TYPE: dict[Kind, str] = {kind: name for name, kind in reversed(_MEDIA_TYPES.items())}
"""The name that is kept of a kind."""
_SHEETS = ("xlsx", "xls", "ods")
_TEXTS = ("markdown", "text", "html", "csv", "code")


def kind_of(name: str, media_type: str = "") -> Kind:
    """By the file's extension, or else by its media type. Raises `ParseError` for what can't be read."""
    suffix = PurePosixPath(name).suffix.lower()
    told = _MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
    kind = EXTENSIONS.get(suffix)
    if kind == "code" and told == "html":  # a page whose address ends with .php
        kind = "html"
    if kind := kind or told:
        return kind
    what = suffix or media_type or "without an extension"
    known = ", ".join(ending for ending, kind in EXTENSIONS.items() if kind != "code")
    raise ParseError(f"Files of this type ({what}) are not supported; these are: {known}, and source code.")


# --- files that nobody means -----------------------------------------------------------------------------------------

_FURNITURE = frozenset({"__macosx", "node_modules", "__pycache__", "package-lock.json", "composer.lock"})
_MADE = re.compile(r"[.-]min\.(?:js|css)$|\.(?:js|css)\.map$", re.IGNORECASE)


def passed_over(path: str) -> bool:
    """Whether a file of a folder or an archive (`path` is relative to it) is one that nobody means when giving the
    whole: hidden ones, and what programs made."""
    parts = PurePosixPath(path).parts
    return any(part.startswith(".") or part.lower() in _FURNITURE for part in parts) or bool(_MADE.search(path))


# --- what a file holds -----------------------------------------------------------------------------------------------

_LABEL: dict[str, tuple[str, str]] = {
    "pdf": ("a PDF", ".pdf"), "html": ("HTML", ".html"), "docx": ("a Word document", ".docx"),
    "pptx": ("a PowerPoint presentation", ".pptx"), "xlsx": ("an Excel workbook", ".xlsx"),
    "xls": ("an Excel workbook", ".xls"), "ods": ("an OpenDocument spreadsheet", ".ods"),
    "epub": ("an EPUB book", ".epub"), "zip": ("a ZIP archive", ".zip"),
}  # fmt: skip
_OTHERS = (
    (b"\x89PNG\r\n", "a picture (PNG)"), (b"\xff\xd8\xff", "a picture (JPEG)"), (b"GIF8", "a picture (GIF)"),
    (b"\x1f\x8b\x08", "a gzip archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!\x1a\x07", "a RAR archive"),
    (b"{\\rtf", "rich text (RTF)"), (b"\x7fELF", "a program"), (b"SQLite format 3\0", "a database (SQLite)"),
)  # fmt: skip
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,400}?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)
_HEAD_BYTES = 2048
_PARTS: tuple[tuple[str, Kind], ...] = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
_MIMETYPES: dict[bytes, Kind] = {
    b"application/epub+zip": "epub",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
}


def check_content(path: Path, kind: Kind, name: str) -> Kind:
    """The kind to read the file as. Raises `ParseError` when it holds something else than its name says; content that
    isn't known passes, and its reader will say what it lacks."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    held = _held(path, head)
    if held is None or held == kind or (held == "html" and kind in _TEXTS):
        return kind
    if kind in _SHEETS and held in _SHEETS:
        return EXTENSIONS[_LABEL[held][1]]
    suffix = PurePosixPath(name).suffix
    named = f"is named {suffix}" if suffix.lower() in EXTENSIONS else f"was given as {MEDIA_TYPE[kind]}"
    if label := _LABEL.get(held):
        raise ParseError(
            f"The file {named} but holds {label[0]}: rename it to {label[1]}, or see whether its download went wrong."
        )
    raise ParseError(f"The file {named} but holds {held}, which cannot be read.")


def _held(path: Path, head: bytes) -> str | None:
    """The kind that the bytes are, words for one that isn't read, or None when they don't say."""
    if head.startswith(_OLE):
        return _old_office(path)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(path)
    if b"%PDF-" in head[:1024] and not _HTML.match(head):
        return "pdf"
    if _HTML.match(head):
        return "html"
    return next((label for magic, label in _OTHERS if head.startswith(magic)), None)


def _zipped(path: Path) -> Kind | None:
    try:
        with opened(path) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                info = archive.getinfo("mimetype")
                with archive.open(info) as file:
                    if kind := _MIMETYPES.get(file.read(100).strip()):
                        return kind
    except (*DAMAGE, RuntimeError):
        return None  # damaged or encrypted: its reader says so
    if "[Content_Types].xml" in names:
        return next((kind for part, kind in _PARTS if any(name.startswith(part) for name in names)), "zip")
    return "epub" if "META-INF/container.xml" in names else "zip"


def _old_office(path: Path) -> str:
    """Compound files: the names of their streams stand in them in UTF-16. Encrypted new documents are such files."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:

        def holds(stream: str) -> bool:
            return data.find(stream.encode("utf-16-le")) >= 0

        if holds("EncryptedPackage"):
            raise ParseError("The document is encrypted: save it without password.")
        if holds("WordDocument"):
            raise ParseError("The Word document is of the old .doc format: save it as .docx.")
        if holds("PowerPoint Document"):
            raise ParseError("The presentation is of the old .ppt format: save it as .pptx.")
        return "xls" if holds("Workbook") or holds("Book") else "a file of an old Office program"


assert set(MEDIA_TYPE) == set(get_args(Kind.__value__))  # each kind has a name to be kept under
