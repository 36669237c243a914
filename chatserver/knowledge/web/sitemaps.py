"""Sitemaps (sitemaps.org): which pages a site lists, read from a stream without ever building a tree of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import IO

import httpx
from lxml import etree
from msgspec import Struct

from chatserver.knowledge.web.errors import FetchError
from chatserver.knowledge.web.unpack import BLOCK, GZIP, Unpacker

__all__ = ["BYTES", "ENTRIES", "Entry", "Listing", "read_sitemap", "same_site"]

BYTES = 50 * 1024 * 1024
"""Unpacked. These are what the protocol lets a sitemap have."""
ENTRIES = 50_000
LOC_CHARS = 2048
ELEMENTS = 1_000_000
"""Twenty for each of the 50,000 pages that a sitemap may list."""
DEPTH = 32
_ROOTS = ("urlset", "sitemapindex")


class Entry(Struct, frozen=True):
    """`changed`: the page has not changed since; None where the sitemap doesn't say so."""

    url: str
    changed: datetime | None = None


class Listing(Struct, frozen=True):
    """Pages, or further sitemaps where `index`. `cut`: there are more than were asked for."""

    entries: list[Entry]
    index: bool = False
    cut: bool = False


def same_site(url: httpx.URL, site: httpx.URL) -> bool:
    """Whether it is of the same host, or of one below it; `www` is no host of its own."""
    host, home = url.host.removeprefix("www."), site.host.removeprefix("www.")
    return host == home or host.endswith(f".{home}")


def read_sitemap(body: IO[bytes], most: int) -> Listing:
    """Up to `most` entries. Raises `FetchError` for what is no sitemap."""
    blocks = _blocks(body)
    first = next(blocks, b"").removeprefix(b"\xef\xbb\xbf").lstrip()
    if not first:
        raise FetchError("The sitemap is empty.")
    xml = first.startswith((b"<", b"\xff\xfe", b"\xfe\xff"))
    return _xml(first, blocks, most) if xml else _text(first, blocks, most)


def _blocks(body: IO[bytes]) -> Iterator[bytes]:
    """The file's bytes, unpacked where they are packed. Raises `FetchError`."""
    unpacker: Unpacker | None = None
    size = 0
    while packed := body.read(BLOCK):
        if not size and packed.startswith(GZIP):
            unpacker = Unpacker()
        try:
            for block in unpacker.feed(packed) if unpacker else [packed]:
                if (size := size + len(block)) > BYTES:
                    raise FetchError(f"The sitemap has more than {BYTES:,} bytes.")
                yield block
        except zlib.error:
            raise FetchError("The sitemap cannot be unpacked.") from None
    if unpacker is not None and not unpacker.complete:
        raise FetchError("The sitemap broke off.")


# --- one URL in each line --------------------------------------------------------------------------------------------


def _text(first: bytes, blocks: Iterator[bytes], most: int) -> Listing:
    entries = list(islice(_lines(chain([first], blocks)), most + 1))
    return Listing(entries[:most], cut=len(entries) > most)


def _lines(blocks: Iterator[bytes]) -> Iterator[Entry]:
    rest = b""
    for block in chain(blocks, [b"\n"]):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LOC_CHARS:
            raise _no_sitemap()
        for line in filter(None, map(bytes.strip, lines)):
            if not line.startswith((b"https://", b"http://")):
                raise _no_sitemap()
            yield Entry(line.decode(errors="replace"))


def _no_sitemap() -> FetchError:
    return FetchError("This is no sitemap: neither its XML, nor one address in each line.")


# --- XML -------------------------------------------------------------------------------------------------------------


def _xml(first: bytes, blocks: Iterator[bytes], most: int) -> Listing:
    found = _Entries()
    parser = etree.XMLParser(target=found, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        for block in chain([first], blocks):
            parser.feed(block)
            if found.wrong:
                raise _no_sitemap()
            if len(found.entries) > most:
                break  # whatever comes behind
        else:
            parser.close()
    except etree.XMLSyntaxError:
        if found.wrong:
            raise _no_sitemap() from None
        raise FetchError("The sitemap is no well-formed XML.") from None
    return Listing(found.entries[:most], index=found.index, cut=len(found.entries) > most)


class _Entries:
    """Takes lxml's events. What is not expected in its place is passed over; a document type makes it all wrong."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.index = False
        self.wrong = False
        self._space = ""
        self._depth = self._elements = 0
        self._field = ""
        self._values: dict[str, str] = {}

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        self.wrong = True  # HTML, or something with entities of its own

    def start(self, tag: str, attributes: object) -> None:
        self._depth += 1
        self._elements += 1
        self.wrong = self.wrong or self._depth > DEPTH or self._elements > ELEMENTS
        if self._depth == 1:
            space, bracket, name = tag.rpartition("}")
            self._space = space + bracket
            self.index = name == "sitemapindex"
            self.wrong = self.wrong or name not in _ROOTS
        elif self._depth == 2:
            self._values = {}
        elif self._depth == 3 and tag in (f"{self._space}loc", f"{self._space}lastmod"):
            self._field = tag.rpartition("}")[2]
            self._values[self._field] = ""

    def data(self, text: str) -> None:
        if self._field and self._depth == 3 and len(self._values[self._field]) <= LOC_CHARS:
            self._values[self._field] += text[: LOC_CHARS + 1]

    def end(self, tag: str) -> None:
        if self._depth == 3:
            self._field = ""
        elif self._depth == 2 and 0 < len(url := self._values.get("loc", "").strip()) <= LOC_CHARS:
            self.entries.append(Entry(url, _changed(self._values.get("lastmod", "").strip())))
        self._depth -= 1

    def close(self) -> None: ...


def _changed(text: str) -> datetime | None:
    """The last moment that `lastmod` may mean: a date alone is a day somewhere on earth."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC) + timedelta(hours=36 if len(text) <= 10 else 12)
