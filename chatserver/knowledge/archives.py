"""ZIP archives: each file in one becomes a document of its own, which belongs to the archive's document.

Nothing of an archive's names reaches the file system: files are kept under names of our own (`records.store`), and the
path inside only names the document (`handbook.zip/rules/refunds.md`). Nothing of it is believed either: everything
wanted is unpacked once to be counted and compared, within the limits, before the first document is made of it.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable

from django.db import IntegrityError
from msgspec import Struct

from chatserver.config import config
from chatserver.errors import NotFound
from chatserver.knowledge import records
from chatserver.knowledge.blocks import clean
from chatserver.knowledge.decode import decode
from chatserver.knowledge.formats import container
from chatserver.knowledge.formats.types import ParseError
from chatserver.knowledge.kinds import MEDIA_TYPE, Kind, kind_of, passed_over
from chatserver.knowledge.models import Document

__all__ = ["ARCHIVE_BYTES", "Unpacked", "is_archive", "unpack"]

ARCHIVE_BYTES = 1024**3
"""What the files in an archive may unpack to, all together."""
ORIGIN_CHARS = 2000
UTF8_NAME = 0x800
_DRIVE = re.compile(r"[A-Za-z]:")


class Unpacked(Struct, frozen=True):
    """`members`: how many documents came of it; `gone`: ids of those that an earlier version of it had and this one
    has not; `replaced`: ids of the earlier versions; `note`: what was left out, in words for the owner."""

    members: int
    gone: list[str]
    replaced: list[str]
    note: str


class _Member(Struct, frozen=True):
    info: zipfile.ZipInfo
    origin: str
    kind: Kind
    digest: bytes
    size: int


class _Contents(Struct):
    """`stay`: the origins of the members, and of files that are broken in this version: what an earlier one had under
    these stays until something takes its place."""

    members: list[_Member]
    stay: set[str]
    left_out: Counter[str]


def is_archive(document: Document) -> bool:
    return document.media_type == MEDIA_TYPE["zip"]


def unpack(archive: Document, progress: Callable[[int, int], bool]) -> Unpacked:
    """Make documents of the files in an archive; those with new or changed content are queued, the others stay as they
    are. Safe to run again at any point.

    `progress(done, total)` says whether to go on. Raises `ParseError`, also when the archive was deleted meanwhile.
    """
    path = records.file_of(archive)
    packed = path.stat().st_size
    older = records.replaced_by(archive)
    try:
        with container.opened(path) as file:
            found = _contents(archive, file, packed)
    except container.DAMAGE as error:
        raise ParseError("The archive is damaged: it is no whole ZIP file.") from error
    if not found.members:
        raise ParseError(f"The archive holds no file that can be read. {_note(found)}".strip())
    with container.opened(path) as file:
        for n, member in enumerate(found.members):
            if not progress(n, len(found.members)):
                raise ParseError("The archive was deleted while it was read.")
            _keep(archive, older, file, member, found)
    # What this version has too, but with other content, is searched until its successor is ready.
    families = Document.objects.filter(parent__in=[archive.pk, *older])
    families.filter(origin__in=found.stay).update(parent=archive)
    gone = families.exclude(origin__in=found.stay).values_list("pk", flat=True)
    return Unpacked(archive.members.count(), [str(pk) for pk in gone], older, _note(found))


# --- what is in it ---------------------------------------------------------------------------------------------------


def _contents(archive: Document, file: zipfile.ZipFile, packed: int) -> _Contents:
    """All files that are wanted, counted and hashed as they unpack. `packed`: the archive's own size."""
    found = _Contents([], set(), Counter())
    seen: set[bytes | str] = set()
    most = left = min(ARCHIVE_BYTES, max(container.FREE_BYTES, container.RATIO * packed))
    for info in file.infolist():
        name = _name(info)
        if info.is_dir() or not name or passed_over(name):
            continue
        try:
            kind = kind_of(name)
        except ParseError:
            found.left_out["of a type that is not supported"] += 1
            continue
        origin = f"{archive.origin}/{name}"
        if (reason := _unwanted(info, kind)) or len(origin) > ORIGIN_CHARS or origin in seen:
            found.left_out[reason or "with a name that is too long or there twice"] += 1
            continue
        seen.add(origin)
        digest, size = hashlib.sha256(), 0
        try:
            for block in container.unpacked(file, info, min(left, config().upload_bytes)):
                digest.update(block)
                size += len(block)
        except container.DAMAGE:
            found.left_out["damaged"] += 1
            found.stay.add(origin)
            continue
        finally:
            left -= size
        if left < 0:
            raise ParseError(f"The archive unpacks to more than {most:,} bytes, which the server does not read.")
        if size > config().upload_bytes:
            found.left_out["too large (UPLOAD_BYTES)"] += 1
            found.stay.add(origin)
        elif not size:
            found.left_out["empty"] += 1
        elif digest.digest() in seen:
            found.left_out["the same as another one"] += 1
        else:
            seen.add(digest.digest())
            found.stay.add(origin)
            found.members.append(_Member(info, origin, kind, digest.digest(), size))
    return found


def _name(info: zipfile.ZipInfo) -> str:
    """The path inside, without what would lead out of it."""
    name = info.filename
    if not info.flag_bits & UTF8_NAME:
        # Without the flag it should be code page 437; on a Chinese Windows it is GBK.
        name = decode(name.encode("cp437", "replace")) or name
    parts = re.split(r"[/\\]", clean(name).replace("\n", " "))
    return "/".join(part for part in parts if part not in ("", ".", "..") and not _DRIVE.fullmatch(part))


def _unwanted(info: zipfile.ZipInfo, kind: Kind) -> str:
    if kind == "zip":
        return "an archive in the archive"
    if not container.is_file(info):
        return "no file but a link"
    if container.encrypted(info):
        return "encrypted"
    return "" if container.packed_well(info) else "packed in a way that is not supported"


def _note(found: _Contents) -> str:
    reasons = ", ".join(f"{n} {reason}" for reason, n in found.left_out.most_common())
    return f"Left out of it: {reasons}." if reasons else ""


# --- what becomes of it ----------------------------------------------------------------------------------------------


def _keep(archive: Document, older: list[str], file: zipfile.ZipFile, member: _Member, found: _Contents) -> None:
    """A document of this content under the archive. One that was given by itself, or in another one, stays there."""
    same = Document.objects.filter(collection=archive.collection_id, content_hash=member.digest).defer("text").first()
    if same is not None and same.parent_id != archive.pk and str(same.parent_id) not in older:
        found.left_out["among the documents already"] += 1
        found.stay.discard(member.origin)
        return
    if same is not None and (same.parent_id, same.origin) == (archive.pk, member.origin):
        return
    stored = same.file if same else _stored(file, member)
    try:
        records.register(
            archive.collection,
            file=stored,
            digest=member.digest,
            size=member.size,
            origin=member.origin,
            media_type=MEDIA_TYPE[member.kind],
            url=archive.url,
            owner=str(archive.owner_id) if archive.owner_id else None,
            parent=str(archive.pk),
        )
    except (IntegrityError, NotFound):
        if same is None:
            records.drop_file(stored)
        raise ParseError("The archive was deleted while it was read.") from None


def _stored(file: zipfile.ZipFile, member: _Member) -> str:
    try:
        stored, digest, _ = records.store(container.unpacked(file, member.info, member.size))
        if digest == member.digest:
            return stored
        records.drop_file(stored)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        pass
    raise ParseError("The archive changed while it was read.")
