"""The one file of a backup: a tar whose last member says what is in it.

It is written in one go, without knowing sizes beforehand, under another name until it is complete and on the disk. Its
manifest comes last and has its own SHA-256 in its name: a file that was cut short or changed is never taken for whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

__all__ = [
    "DUMP",
    "BackupError",
    "Manifest",
    "Part",
    "Reader",
    "Writer",
    "new_file",
    "opened",
    "sync_folder",
    "writing",
]

FORMAT = 1
BLOCK = 1024 * 1024
SECTOR = tarfile.BLOCKSIZE
MANIFEST_BYTES = 512 * 1024**2
DUMP = "database.dump"
UPLOAD = re.compile(r"uploads/[0-9A-Za-z][0-9A-Za-z._-]{0,120}")
MANIFEST = re.compile(r"manifest-([0-9a-f]{64})\.json")
BROKEN = "It is cut short, damaged, or no backup of this server; nothing was changed."


class BackupError(Exception):
    """A backup can't be made, or not be restored: one line that says why."""


class Part(Struct, frozen=True):
    """`sha256`: in hexadecimal digits; `size` in bytes."""

    name: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`postgres`, `tool`: major versions of the server and of its pg_dump; `migrations`: what was applied, as
    `app.name`; `counts`: rows by table's name; `missing`: uploads that had gone before they were read."""

    format: int = FORMAT
    version: str
    created: str
    epoch: str
    postgres: int
    tool: int
    migrations: list[str]
    counts: dict[str, int]
    parts: list[Part]
    missing: int = 0


class Writer:
    """Adds members in order; the file is whole after `finish`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.parts: list[Part] = []

    def add(self, name: str, chunks: Iterable[bytes]) -> Part:
        start = self._file.tell()
        self._file.write(bytes(SECTOR))
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            self._file.write(chunk)
        self._file.write(bytes(-size % SECTOR))
        end = self._file.tell()
        # Only now its size is known.
        self._file.seek(start)
        self._file.write(_header(name, size))
        self._file.seek(end)
        part = Part(name, size, digest.hexdigest())
        self.parts.append(part)
        return part

    def finish(self, manifest: Manifest) -> None:
        data = msgspec.json.format(msgspec.json.encode(manifest))
        self.add(f"manifest-{hashlib.sha256(data).hexdigest()}.json", [data])
        self._file.write(bytes(2 * SECTOR))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new backup at `path`, as `new_file`."""
    with new_file(path) as file:
        yield Writer(file)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at `path` when it is complete and on the disk, readable by its owner alone. What was there
    before stays until then; after an error nothing of the new one is left. Raises `OSError`."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """New names in `folder` outlive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Reader:
    """A backup whose every byte was compared with its manifest."""

    def __init__(self, tar: tarfile.TarFile, manifest: Manifest, members: dict[str, tarfile.TarInfo]) -> None:
        self._tar = tar
        self._members = members
        self.manifest = manifest

    @property
    def uploads(self) -> list[str]:
        return [part.name for part in self.manifest.parts if part.name != DUMP]

    def chunks(self, name: str) -> Iterator[bytes]:
        yield from _chunks(self._tar, self._members[name])


@contextmanager
def opened(path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Reader]:
    """Read and check all of a backup. `progress`: bytes read, of how many. Raises `BackupError`, `OSError`."""
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                reader = _checked(tar, lambda done: progress(min(done, total), total))
                yield reader
        except tarfile.TarError:
            raise BackupError(f"{path}: {BROKEN}") from None
        except _Broken as error:
            raise BackupError(f"{path}: {error}") from None


class _Broken(Exception):
    pass


def _checked(tar: tarfile.TarFile, progress: Callable[[int], None]) -> Reader:
    found: list[Part] = []
    members: dict[str, tarfile.TarInfo] = {}
    said: bytes | None = None
    for member in tar:
        if said is not None or not member.isreg() or member.name in members:
            raise _Broken(BROKEN)
        if named := MANIFEST.fullmatch(member.name):
            if member.size > MANIFEST_BYTES:
                raise _Broken(BROKEN)
            said = b"".join(_chunks(tar, member))
            if hashlib.sha256(said).hexdigest() != named[1]:
                raise _Broken(BROKEN)
            continue
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(tar, member):
            digest.update(chunk)
            size += len(chunk)
            progress(member.offset_data + size)
        found.append(Part(member.name, size, digest.hexdigest()))
        members[member.name] = member
    if said is None:
        raise _Broken(BROKEN)
    manifest = _manifest(said)
    names_fit = all(part.name == DUMP or UPLOAD.fullmatch(part.name) for part in found)
    if manifest.parts != found or DUMP not in members or not names_fit:
        raise _Broken(BROKEN)
    return Reader(tar, manifest, members)


def _manifest(said: bytes) -> Manifest:
    try:
        # The number first: another format may have other fields.
        if (number := msgspec.json.decode(said, type=_Format).format) != FORMAT:
            raise _Broken(f"It has format {number}, and this version of the server knows format {FORMAT}: upgrade it.")
        return msgspec.json.decode(said, type=Manifest)
    except msgspec.MsgspecError:
        raise _Broken(BROKEN) from None


class _Format(Struct, frozen=True):
    format: int


def _chunks(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = tar.extractfile(member)
    assert file is not None  # a regular file
    while chunk := file.read(BLOCK):
        yield chunk


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(time.time())
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert len(header) == SECTOR  # our names are short
    return header
