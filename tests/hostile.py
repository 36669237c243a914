"""Files that nobody gives by mistake: bombs, loops and lies. Each is small; what it would cost is not."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from openpyxl import Workbook

from tests.documents import zipped

__all__ = [
    "bomb", "endless_pdf", "far_sheet", "huge", "laughing", "looping_pdf", "nested", "overlapping", "self_holding_pdf",
]  # fmt: skip

MIB = 1024 * 1024
GIB = 1024 * MIB
ZEROS = 16 * MIB
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def bomb(files: int = 10, size: int = 20 * MIB) -> bytes:
    """An archive of texts that unpack to a thousand times its size."""
    return zipped({f"{n}.txt": b"A" * size for n in range(files)})


def nested(depth: int = 5) -> bytes:
    data = bomb(2)
    for _ in range(depth):
        data = zipped({"inner.zip": data})
    return data


def huge(
    name: str, unpacked: int = 10 * GIB, *, claimed: int | None = None, more: Mapping[str, str] | None = None
) -> bytes:
    """A ZIP file, itself about a thousandth as long, whose member `name` is `unpacked` zeros. `claimed`: what its
    headers say instead."""
    data = _zeros() * (unpacked // ZEROS) + b"\x03\x00"  # an empty block that is the last one
    parts = [
        (each, text.encode(), len(text), zipfile.ZIP_STORED)
        for each, text in ({"[Content_Types].xml": TYPES} | dict(more or {})).items()
    ]
    return _zip([*parts, (name, data, unpacked if claimed is None else claimed, zipfile.ZIP_DEFLATED)])


@functools.cache
def _zeros() -> bytes:
    """`ZEROS` zeros, packed: the same bytes again and again, since the packer's state is reset at their end. So nobody
    has to pack ten gigabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(ZEROS)) + packer.flush(zlib.Z_FULL_FLUSH)


def _zip(members: Sequence[tuple[str, bytes, int, int]]) -> bytes:
    """A ZIP64 file of (name, packed, size that is claimed, method)."""
    out, directory = io.BytesIO(), io.BytesIO()
    for name, packed, size, method in members:
        checksum = zlib.crc32(packed) if method == zipfile.ZIP_STORED else 0
        extra = struct.pack("<HHQQ", 1, 16, size, len(packed))
        numbers = (0x800, method, 0, 0x21, checksum, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra))
        at = out.tell()
        out.write(struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, *numbers) + name.encode() + extra + packed)
        tail = struct.pack("<3H2I", 0, 0, 0, 0, at)
        directory.write(struct.pack("<4s6H3I2H", b"PK\x01\x02", 45, 45, *numbers) + tail + name.encode() + extra)
    start, length = out.tell(), directory.tell()
    out.write(directory.getvalue())
    out.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(members), len(members), length, start, 0))
    return out.getvalue()


def overlapping(entries: int = 1000) -> bytes:
    """Entries that all name the same packed bytes: no header of a member lies, together they do."""
    single = zipped({"00000.txt": b"A" * 10 * MIB})
    at = single.index(b"PK\x01\x02")
    end = single.index(b"PK\x05\x06")
    entry = single[at:end]
    directory = b"".join(entry.replace(b"00000.txt", b"%05d.txt" % n) for n in range(entries))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, entries, entries, len(directory), at, 0)
    return single[:at] + directory + tail


def laughing(name: str) -> bytes:
    """An Office document whose part `name` holds entities of entities, a billion in all."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    part = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "laugh">{entities}]><x>&l9;</x>'
    return zipped({"[Content_Types].xml": TYPES, name: part})


def far_sheet() -> bytes:
    """A workbook with two cells, in opposite corners of 17 billion."""
    book = Workbook()
    book.active["A1"] = book.active["XFD1048576"] = "words"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# --- PDF -------------------------------------------------------------------------------------------------------------


def _pdf(objects: Sequence[bytes]) -> bytes:
    """Objects, numbered from 1, of which the first is the catalogue."""
    out = io.BytesIO()
    out.write(b"%PDF-1.5\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


def looping_pdf() -> bytes:
    """Its tree of pages comes back to its root."""
    return _pdf(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [3 0 R 2 0 R] /Count 4000 /Parent 3 0 R>>",
            b"<</Type /Pages /Kids [2 0 R 3 0 R] /Count 2000 /Parent 2 0 R>>",
        ]
    )


def self_holding_pdf() -> bytes:
    """Its stream of objects holds the pages, its own length, and itself."""
    inner = b"2 0 3 0 <</Type /Pages /Kids [2 0 R] /Count 1>>"
    stream = b"<</Type /ObjStm /N 2 /First 8 /Length 3 0 R /Extends 3 0 R>>\nstream\n" + inner + b"\nendstream"
    head = b"%PDF-1.5\n"
    catalogue = b"1 0 obj\n<</Type /Catalog /Pages 2 0 R>>\nendobj\n"
    holder = b"3 0 obj\n" + stream + b"\nendobj\n"
    start = len(head) + len(catalogue) + len(holder)
    entry = struct.Struct(">BHB").pack
    table = entry(0, 0, 255) + entry(1, len(head), 0) + entry(2, 3, 0) + entry(2, 3, 1) + entry(1, start, 0)
    xref = b"4 0 obj\n<</Type /XRef /Size 5 /W [1 2 1] /Root 1 0 R /Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        len(table),
        table,
    )
    return head + catalogue + holder + xref + b"startxref\n%d\n%%%%EOF" % start


def endless_pdf(pages: int = 5000) -> bytes:
    """Every page draws the same nothing, a million times."""
    content = zlib.compress(b"q Q\n" * 1_000_000)
    kids = b" ".join(b"%d 0 R" % (n + 4) for n in range(pages))
    page = b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 3 0 R>>"
    return _pdf(
        [
            b"<</Type /Catalog /Pages 2 0 R>>",
            b"<</Type /Pages /Kids [%s] /Count %d>>" % (kids, pages),
            b"<</Length %d /Filter /FlateDecode>>\nstream\n%s\nendstream" % (len(content), content),
            *[page] * pages,
        ]
    )
