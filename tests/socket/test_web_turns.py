"""Turns on web sources: taken once, resumed after a crash, one process for a site. Real records, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone

from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Collection, Document, WebSource
from chatserver.knowledge.web import sources
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.fetch import Fetcher
from chatserver.sites.models import Site

PAGES = [f"https://shop.example/{n}" for n in range(4)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The pages that were asked for, of a site with four and a sitemap; robots.txt is none. A turn is one page long."""
    urls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if url in PAGES:
            urls.append(url)
            return httpx.Response(200, headers={"content-type": "text/plain"}, stream=httpx.ByteStream(url.encode()))
        if url.endswith("/sitemap.txt"):
            return httpx.Response(200, stream=httpx.ByteStream("\n".join(PAGES).encode()))
        return httpx.Response(404)

    @contextmanager
    def tools() -> Iterator[sources.Tools]:
        with asyncio.Runner() as runner:
            fetcher = Fetcher(Guard(), transport=httpx.MockTransport(answer))
            yield sources.Tools(runner.run, fetcher, LanceIndex(str(tmp_path / "index")))
            runner.run(fetcher.aclose())

    monkeypatch.setattr(sources, "tools", tools)
    monkeypatch.setattr(sources, "TURN_SECONDS", 0.0)
    return urls


@pytest.fixture
def source(orm: None) -> WebSource:
    collection = records.the_collection(Site.objects.create(key="shop", name="Shop"))
    found, _ = sources.add(collection, "https://shop.example/sitemap.txt", kind=WebSource.Kind.SITEMAP)
    return found


def turn(source: WebSource, registered: Callable[[str], object] = lambda document: None) -> bool:
    """Whether there is a next one."""
    source.refresh_from_db()
    assert source.next_fetch is not None
    return sources.take_turn(str(source.pk), source.next_fetch, registered) is not None


def test_each_turn_goes_on_where_the_last_one_ended(source: WebSource, asked: list[str]) -> None:
    for number in range(1, 4):
        assert turn(source)
        source.refresh_from_db()
        assert (source.status, source.done, source.total) == ("fetching", number, 4)
        assert asked == PAGES[:number]
    assert not turn(source)
    source.refresh_from_db()
    assert (source.status, source.done, source.error, source.look, source.next_fetch) == ("ready", 4, "", None, None)
    assert Document.objects.filter(source=source).count() == 4


def test_of_two_messages_for_one_turn_one_counts(source: WebSource, asked: list[str]) -> None:
    at = source.next_fetch
    assert at is not None
    second = sources.take_turn(str(source.pk), at, lambda document: None)
    assert second is not None
    assert sources.take_turn(str(source.pk), at, lambda document: None) is None
    assert asked == PAGES[:1]
    assert sources.take_turn(str(source.pk), second, lambda document: None) is not None
    assert asked == PAGES[:2]


def test_a_turn_that_is_not_due_is_not_taken(source: WebSource, asked: list[str]) -> None:
    later = timezone.now() + timedelta(minutes=1)
    WebSource.objects.filter(pk=source.pk).update(next_fetch=later)
    assert sources.take_turn(str(source.pk), later, lambda document: None) is None
    assert asked == []


def test_a_crash_costs_the_page_it_happened_at(source: WebSource, asked: list[str]) -> None:
    def crash(document: str) -> None:
        raise MemoryError

    assert turn(source)
    with pytest.raises(MemoryError):
        turn(source, crash)
    source.refresh_from_db()
    assert source.next_fetch is not None
    assert source.next_fetch > timezone.now(), "others come first"
    WebSource.objects.filter(pk=source.pk).update(next_fetch=timezone.now())
    while turn(source):
        pass
    assert asked == [PAGES[0], PAGES[1], *PAGES[1:]]
    assert sorted(Document.objects.values_list("origin", flat=True)) == PAGES


def test_a_site_is_in_one_hand(source: WebSource, asked: list[str], database_url: str) -> None:
    import psycopg

    lock = "SELECT pg_advisory_lock(hashtextextended('ingest:web:shop.example', 0))"
    with psycopg.connect(database_url) as other:
        other.execute(lock)
        assert not turn(source)
        assert asked == []
    assert turn(source)


def test_what_is_left_of_a_deleted_collection_is_nothing(source: WebSource, asked: list[str]) -> None:
    assert turn(source, lambda document: Collection.objects.all().delete()) is False
    assert Document.objects.count() == 0
