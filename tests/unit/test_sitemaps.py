"""Sitemaps as sites write them, and as somebody would to bring the server down."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime

import httpx
import pytest

from chatserver.knowledge.web.errors import FetchError
from chatserver.knowledge.web.sitemaps import Entry, Listing, read_sitemap, same_site

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
TAIL = b"</urlset>"
A = b"<url><loc>https://a.example/1</loc></url>"


def read(data: bytes, most: int = 100) -> Listing:
    return read_sitemap(io.BytesIO(data), most)


def urls(data: bytes, most: int = 100) -> list[str]:
    return [entry.url for entry in read(data, most).entries]


def test_pages_are_listed_with_the_time_of_their_last_change() -> None:
    body = (
        b"<url><loc>\n https://a.example/1?x=1&amp;y=2 </loc><lastmod>2026-01-01T10:00:00+01:00</lastmod></url>"
        b"<url><lastmod>2026-01-01</lastmod><loc><![CDATA[https://a.example/2]]></loc></url>"
        b"<url><loc>https://a.example/3</loc><lastmod>yesterday</lastmod><priority>0.5</priority></url>"
    )
    assert read(HEAD + body + TAIL) == Listing(
        [
            Entry("https://a.example/1?x=1&y=2", datetime(2026, 1, 1, 9, tzinfo=UTC)),
            # A day without a zone ends at noon of the next one, UTC, in the west of the world.
            Entry("https://a.example/2", datetime(2026, 1, 2, 12, tzinfo=UTC)),
            Entry("https://a.example/3"),
        ]
    )


def test_an_index_lists_sitemaps() -> None:
    data = b"<sitemapindex><sitemap><loc>https://a.example/s1.xml</loc></sitemap></sitemapindex>"
    assert read(data) == Listing([Entry("https://a.example/s1.xml")], index=True)


def test_what_belongs_to_a_picture_is_no_page() -> None:
    body = b'<url><loc>https://a.example/1</loc><i:image xmlns:i="urn:i"><i:loc>https://no.example/</i:loc></i:image></url>'
    other = b'<url><o:loc xmlns:o="urn:o">https://no.example/</o:loc></url>'
    assert urls(HEAD + body + other + b"<loc>https://no.example/</loc>" + TAIL) == ["https://a.example/1"]


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(HEAD + A + TAIL),
        gzip.compress(HEAD) + gzip.compress(A + TAIL),
        b"\xef\xbb\xbf \n" + HEAD + A + TAIL,
        (HEAD + A + TAIL).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        (HEAD + A + TAIL).decode().replace("UTF-8", "GB18030").encode("gb18030"),
        b"https://a.example/1\r\n\r\n",
        b"\xef\xbb\xbfhttps://a.example/1",
    ],
)
def test_a_sitemap_may_be_packed_encoded_or_plain(data: bytes) -> None:
    assert urls(data) == ["https://a.example/1"]


def test_no_more_pages_are_read_than_are_wanted() -> None:
    whole, cut = read(HEAD + A * 10 + TAIL, 10), read(HEAD + A * 1_000_000, 10)
    assert (len(whole.entries), whole.cut) == (10, False)
    assert (len(cut.entries), cut.cut) == (10, True)
    text = read(b"https://a.example/1\n" * 11, 10)
    assert (len(text.entries), text.cut) == (10, True)


ENTITIES = b'<!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \n",
        b"hello",
        b"/relative\n",
        b"\x00" * 10_000,
        b"<!DOCTYPE html><html><body>Not found</body></html>",
        b"<html/>",
        b"<rss/>",
        HEAD + A,
        HEAD + b"<url><loc>https://a.example/1</url>" + TAIL,
        ENTITIES + b"<urlset><url><loc>https://a.example/&b;</loc></url></urlset>",
        ENTITIES + b"<urlset><url><loc>https://a.example/&x;</loc></url></urlset>",
        b'<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd"><urlset/>',
        gzip.compress(HEAD + A + TAIL)[:-9],
        b"\x1f\x8b nothing",
        gzip.compress(b"https://a.example/" * 5_000_000),
        gzip.compress(HEAD + b"<url>" * 1_000_000),
        gzip.compress(HEAD + b"<a/>" * 1_100_000),
    ],
)
def test_what_is_no_sitemap_says_so(data: bytes) -> None:
    with pytest.raises(FetchError, match="sitemap"):
        read(data)


def test_an_endless_address_is_none() -> None:
    assert urls(HEAD + b"<url><loc>https://a.example/" + b"x" * 5_000_000 + b"</loc></url>" + A + TAIL) == [
        "https://a.example/1"
    ]


@pytest.mark.parametrize(
    ("host", "same"),
    [
        ("shop.example", True),
        ("www.shop.example", True),
        ("docs.shop.example", True),
        ("myshop.example", False),
        ("shop.example.evil.example", False),
        ("example", False),
    ],
)
def test_a_site_is_a_host_with_all_below_it(host: str, same: bool) -> None:
    assert same_site(httpx.URL(f"http://{host}/"), httpx.URL("https://www.shop.example/sitemap.xml")) is same
