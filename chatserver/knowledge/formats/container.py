"""ZIP files that are not to be trusted: archives, and the formats that are ZIP files inside.

What a header says of sizes is only believed when it proves true: members are unpacked once to be counted, up to the
limits, before anything else reads them.
"""

from __future__ import annotations

import copy
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatserver.knowledge.formats.types import ParseError

__all__ = ["DAMAGE", "MEMBERS", "UNPACKED_BYTES", "check", "encrypted", "is_file", "opened", "packed_well", "unpacked"]

MEMBERS = 10_000
UNPACKED_BYTES = 512 * 1024 * 1024
RATIO = 200
"""Texts and sheets pack to a tenth, rarely to a fiftieth; what unpacks further, beyond `FREE_BYTES`, is a bomb."""
FREE_BYTES = 16 * 1024 * 1024
DIRECTORY_BYTES = 4 * 1024 * 1024
"""The list of members, which is read at once: 400 bytes for each."""
BLOCK = 256 * 1024
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
"""What `zipfile` raises on broken files."""


class _File(io.FileIO):
    """`zipfile` reads the whole list of members at once, however long it claims to be."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > DIRECTORY_BYTES:
            raise too_many()
        return super().read(-1 if size is None else size) or b""


def too_many() -> ParseError:
    return ParseError(f"The file holds more than {MEMBERS:,} files inside.")


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The ZIP file. Raises `zipfile.BadZipFile` and `OSError`, or `ParseError` when it has too many members."""
    with _File(path) as file, zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MEMBERS:
            raise too_many()
        yield archive


def encrypted(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & 0x1)


def is_file(member: zipfile.ZipInfo) -> bool:
    """Whether it is a file: no folder, no symbolic link, no device."""
    mode = member.external_attr >> 16
    return not member.is_dir() and (stat.S_IFMT(mode) in (0, stat.S_IFREG))


def packed_well(member: zipfile.ZipInfo) -> bool:
    """LZMA may ask for gigabytes of memory in its header, and no program writes our formats with it."""
    return member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> Iterator[bytes]:
    """The member's bytes as they come out, at most a block more than `limit`. Raises `zipfile.BadZipFile` when it is
    damaged or not of the size it claims."""
    honest = copy.copy(member)
    honest.file_size = limit + 2 * BLOCK  # `zipfile` would stop in silence at the size that the header claims
    size = 0
    with archive.open(honest) as file:
        while size <= limit and (block := file.read(BLOCK)):
            size += len(block)
            yield block
    if size <= limit and size != member.file_size:
        raise zipfile.BadZipFile("the size in the header is wrong")


def check(path: Path, what: str, *, limit: int = UNPACKED_BYTES) -> None:
    """Unpack all members once, into nothing. Raises `ParseError`; `what` names the file in it ("The Word document")."""
    try:
        with opened(path) as archive:
            left = most = min(limit, max(FREE_BYTES, RATIO * path.stat().st_size))
            for member in archive.infolist():
                if encrypted(member):
                    raise ParseError(f"{what} is encrypted: save it without password.")
                if not packed_well(member):
                    raise ParseError(f"{what} is packed in a way that is not supported.")
                for block in unpacked(archive, member, left):
                    left -= len(block)
                if left < 0:
                    raise ParseError(f"{what} unpacks to more than {most:,} bytes, which the server does not read.")
    except DAMAGE as error:
        raise ParseError(f"{what} is damaged: it is no whole ZIP file.") from error
