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

SITEMAP = "https://shop.example/sitemap.txt"
PAGES = [f"https://shop.example/{n}" for n in range(4)]


class Shop(dict[str, str | int]):
    """A site without rules: what its pages say, or which status they have; and which of them were `asked` for."""

    def __init__(self) -> None:
        super().__init__({url: url for url in PAGES} | {SITEMAP: "\n".join(PAGES)})
        self.asked: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        if not url.endswith(".txt"):
            self.asked.append(url)
        match self.get(url, 404):
            case int() as status:
                return httpx.Response(status)
            case text:
                stream = httpx.ByteStream(text.encode())
                return httpx.Response(200, headers={"content-type": "text/plain"}, stream=stream)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """What turns on the source meet; one is a page long."""
    shop = Shop()

    @contextmanager
    def tools() -> Iterator[sources.Tools]:
        with asyncio.Runner() as runner:
            fetcher = Fetcher(Guard(), transport=httpx.MockTransport(shop.answer))
            yield sources.Tools(runner.run, fetcher, LanceIndex(str(tmp_path / "index")))
            runner.run(fetcher.aclose())

    monkeypatch.setattr(sources, "tools", tools)
    monkeypatch.setattr(sources, "TURN_SECONDS", 0.0)
    return shop


@pytest.fixture
def source(orm: None) -> WebSource:
    collection = records.the_collection(Site.objects.create(key="shop", name="Shop"))
    found, _ = sources.add(collection, SITEMAP, kind=WebSource.Kind.SITEMAP)
    return found


def turn(source: WebSource, registered: Callable[[str], object] = lambda document: None) -> bool:
    """Whether there is a next one."""
    source.refresh_from_db()
    assert source.next_fetch is not None
    return sources.take_turn(str(source.pk), source.next_fetch, registered) is not None


def test_each_turn_goes_on_where_the_last_one_ended(source: WebSource, shop: Shop) -> None:
    for number in range(1, 4):
        assert turn(source)
        source.refresh_from_db()
        assert (source.status, source.done, source.total) == ("fetching", number, 4)
        assert shop.asked == PAGES[:number]
    assert not turn(source)
    source.refresh_from_db()
    assert (source.status, source.done, source.error, source.look, source.next_fetch) == ("ready", 4, "", None, None)
    assert Document.objects.filter(source=source).count() == 4


def test_of_two_messages_for_one_turn_one_counts(source: WebSource, shop: Shop) -> None:
    at = source.next_fetch
    assert at is not None
    second = sources.take_turn(str(source.pk), at, lambda document: None)
    assert second is not None
    assert sources.take_turn(str(source.pk), at, lambda document: None) is None
    assert shop.asked == PAGES[:1]
    assert sources.take_turn(str(source.pk), second, lambda document: None) is not None
    assert shop.asked == PAGES[:2]


def test_a_turn_that_is_not_due_is_not_taken(source: WebSource, shop: Shop) -> None:
    later = timezone.now() + timedelta(minutes=1)
    WebSource.objects.filter(pk=source.pk).update(next_fetch=later)
    assert sources.take_turn(str(source.pk), later, lambda document: None) is None
    assert shop.asked == []


def test_a_crash_costs_the_page_it_happened_at(source: WebSource, shop: Shop) -> None:
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
    assert shop.asked == [PAGES[0], PAGES[1], *PAGES[1:]]
    assert sorted(Document.objects.values_list("origin", flat=True)) == PAGES


def test_a_site_is_in_one_hand(source: WebSource, shop: Shop, database_url: str) -> None:
    import psycopg

    lock = "SELECT pg_advisory_lock(hashtextextended('ingest:web:shop.example', 0))"
    with psycopg.connect(database_url) as other:
        other.execute(lock)
        assert not turn(source)
        assert shop.asked == []
    assert turn(source)


def test_what_is_left_of_a_deleted_collection_is_nothing(source: WebSource, shop: Shop) -> None:
    assert turn(source, lambda document: Collection.objects.all().delete()) is False
    assert Document.objects.count() == 0


def look(source: WebSource) -> WebSource:
    """A whole one."""
    sources.ask_again(source)
    while turn(source):
        pass
    source.refresh_from_db()
    return source


def test_an_empty_sitemap_is_taken_for_a_slip(source: WebSource, shop: Shop) -> None:
    look(source)
    shop[SITEMAP] = "\n"
    assert (look(source).status, source.error) == ("failed", "The sitemap is empty.")
    shop[SITEMAP] = "<urlset/>"
    assert (look(source).status, source.error) == ("failed", "The sitemap lists no pages.")
    assert Document.objects.count() == 4


def test_a_site_that_does_not_answer_is_left_alone(source: WebSource, shop: Shop) -> None:
    urls = [f"https://shop.example/down/{n}" for n in range(30)]
    shop |= dict.fromkeys(urls, 500)
    shop[SITEMAP] = "\n".join([*urls[:9], PAGES[0], *urls[9:]])
    assert look(source).status == "ready"
    assert source.error.startswith(f"19 of 31 pages could not be fetched; the first: {urls[0]}: The site answered with")
    assert "11 pages were not tried" in source.error
    assert len(shop.asked) == 20


def test_pages_that_are_none_say_nothing_about_the_site(source: WebSource, shop: Shop) -> None:
    urls = [f"https://shop.example/none/{n}" for n in range(15)]
    shop[SITEMAP] = "\n".join([*urls, PAGES[0]])
    assert look(source).status == "ready"
    assert source.error.startswith("15 of 16 pages could not be fetched")
