"""Pages and sitemaps from a web site to search and away again: a real site, server and background worker."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chatserver.hosts import HostRule
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.errors import FetchError
from chatserver.knowledge.web.fetch import Fetcher
from chatserver.serving.embedded import Engines
from tests.api import DEADLINE, UPLOAD_BYTES, Api, background_worker, open_api, problem
from tests.conftest import fresh_database
from tests.owner import DOCUMENTS, Owner, as_owner
from tests.records import Site
from tests.serving import environment, manage
from tests.small_http import Reply, Request
from tests.web_site import WebSite, web_site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCES = "/api/v1/web-sources"
POLL_SECONDS = 0.2
"""Workers go behind those who ask, so whoever asks all the time waits for ever on a busy machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web() -> AsyncIterator[WebSite]:
    async with web_site() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(
    web: WebSite, engines: Engines, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    """A server and a worker that may fetch from `web`, and from no other private address."""
    with fresh_database(engines, template_database) as url:
        allowed = {"FETCH_ALLOW": f"127.0.0.1:{web.port}", "FETCH_PAUSE_SECONDS": "0"}
        redis = f"{engines.redis_url}?db=15"
        async with (
            open_api(url, redis, tmp_path_factory.mktemp("web"), **allowed) as api,
            background_worker(api.environ),
        ):
            yield api


@pytest.fixture
def pages(web: WebSite) -> WebSite:
    web.pages.clear()
    web.asked()
    return web


async def add(owner: Owner, url: str, kind: str = "page", **more: Any) -> str:
    answer = await owner.post(SOURCES, json={"url": url, "kind": kind, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def until_fetched(owner: Owner, source: str, *status: str) -> dict[str, Any]:
    """Wait until the source has been looked at and its documents are read; returns it."""
    async with asyncio.timeout(3 * DEADLINE):  # the first one waits for the worker's start, too
        while True:
            listed = (await owner.get(SOURCES)).json()["sources"]
            found: dict[str, Any] = next(each for each in listed if each["id"] == source)
            waiting = [each for each in await documents(owner, source) if each["status"] not in ("ready", "failed")]
            if found["status"] in ("ready", "failed") and not waiting:
                assert found["status"] in status, found
                return found
            await asyncio.sleep(POLL_SECONDS)


async def again(owner: Owner, source: str, *status: str) -> dict[str, Any]:
    answer = await owner.post(f"{SOURCES}/{source}/fetch")
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    return await until_fetched(owner, source, *status)


async def documents(owner: Owner, source: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await owner.get(DOCUMENTS, params={"source": source})).json()["documents"]
    return found


async def titles(owner: Owner, query: str) -> set[str]:
    return {passage["title"] for passage in await owner.search(query)}


# --- one page --------------------------------------------------------------------------------------------------------


async def test_a_page_is_fetched_and_found(owner: Owner, pages: WebSite) -> None:
    page = "<html><title>Rules</title><main><h1>Rules</h1><p>The capybara sleeps until nine.</p></main></html>"
    url = pages.page("/rules.md?x=1", page, type_="text/html; charset=utf-8")
    answer = await owner.post(DOCUMENTS, json={"url": f"{url}#top"})
    assert answer.status_code == 202
    assert answer.json().keys() == {"source", "status"}
    source = await until_fetched(owner, answer.json()["source"], "ready")
    assert (source["url"], source["kind"], source["error"]) == (url, "page", None)
    assert (source["done"], source["total"], source["documents"]) == (1, 1, 1)
    assert source["fetched"]
    assert source["next_fetch"] is None
    (document,) = await documents(owner, source["id"])
    assert (document["title"], document["origin"], document["url"]) == ("Rules", url, url)
    assert (document["media_type"], document["source"], document["owner"]["name"]) == (
        "text/html",
        source["id"],
        "Olga",
    )
    (passage,) = await owner.search("capybara")
    assert passage["url"] == url
    assert pages.asked() == {"/robots.txt": 1, "/rules.md?x=1": 1}


async def test_a_page_given_again_is_fetched_again_if_it_changed(owner: Owner, pages: WebSite) -> None:
    url = pages.page("/price", "# Price\n\nThe okapi costs nine.", etag='"1"')
    source = (await owner.post(DOCUMENTS, json={"url": url})).json()["source"]
    await until_fetched(owner, source, "ready")
    (before,) = await documents(owner, source)
    assert (await owner.post(DOCUMENTS, json={"url": url})).json() == {"source": source, "status": "queued"}
    await until_fetched(owner, source, "ready")
    assert await documents(owner, source) == [before], "304: it is left alone"

    pages.page("/price", "# Price\n\nThe okapi costs seven.", etag='"2"')
    await again(owner, source, "ready")
    (after,) = await documents(owner, source)
    assert after["id"] != before["id"]
    (passage,) = await owner.search("okapi")
    assert passage["text"].endswith("The okapi costs seven.")


async def test_a_page_that_is_gone_is_found_no_more(owner: Owner, pages: WebSite) -> None:
    url = pages.page("/gone", "# Gone\n\nThe quokka smiles.")
    source = await add(owner, url)
    await until_fetched(owner, source, "ready")
    assert await owner.search("quokka")
    pages.pages["/gone"] = Reply(status=500)
    assert "HTTP 500" in (await again(owner, source, "failed"))["error"]
    assert await owner.search("quokka"), "a site in trouble takes nothing away"
    del pages.pages["/gone"]
    assert "no such page" in (await again(owner, source, "failed"))["error"]
    assert await owner.search("quokka") == []
    assert await documents(owner, source) == []


async def test_a_page_is_linked_where_it_was_found(owner: Owner, pages: WebSite) -> None:
    new = pages.page("/new/", "# Moved\n\nThe numbat moved.")
    pages.redirect("/old", "/older")
    pages.redirect("/older", new)
    source = await add(owner, pages.url("/old"))
    await until_fetched(owner, source, "ready")
    (document,) = await documents(owner, source)
    assert (document["origin"], document["url"]) == (pages.url("/old"), new)
    newer = pages.page("/newer/", "# Moved\n\nThe numbat moved.")
    pages.redirect("/old", newer)
    await again(owner, source, "ready")
    assert [passage["url"] for passage in await owner.search("numbat")] == [newer]


async def test_a_busy_site_is_asked_again_when_it_says(owner: Owner, pages: WebSite) -> None:
    replies = [Reply(status=503, headers={"Retry-After": "0"}), Reply(status=429, headers={"Retry-After": "0"})]
    good = Reply(b"The wombat digs.", headers={"Content-Type": "text/plain"})
    pages.pages["/busy"] = lambda request: replies.pop() if replies else good
    await until_fetched(owner, await add(owner, pages.url("/busy")), "ready")
    assert pages.asked()["/busy"] == 3
    pages.pages["/always"] = Reply(status=503, headers={"Retry-After": "0"})
    assert "busy" in (await until_fetched(owner, await add(owner, pages.url("/always")), "failed"))["error"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"\x89PNG", headers={"Content-Type": "image/png"}), "not supported"),
        (Reply(b"x" * (UPLOAD_BYTES + 1), headers={"Content-Type": "text/plain"}), f"more than {UPLOAD_BYTES:,} bytes"),
        (
            Reply(gzip.compress(b"x" * 50_000_000), headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"}),
            f"more than {UPLOAD_BYTES:,} bytes",
        ),
        (Reply(b"never asked", headers={"Content-Encoding": "br", "Content-Type": "text/plain"}), "not asked for"),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}), "leads elsewhere"),
        (Reply(status=403), "everybody"),
    ],
)
async def test_what_cannot_be_kept_says_why(owner: Owner, pages: WebSite, reply: Reply, words: str) -> None:
    pages.pages["/odd"] = reply
    source = await add(owner, pages.url("/odd"))
    assert words in (await until_fetched(owner, source, "failed"))["error"]
    assert await documents(owner, source) == []


async def test_a_page_that_robots_txt_closes_is_not_asked_for(owner: Owner, pages: WebSite) -> None:
    pages.page("/private/x", "The pangolin hides.")
    pages.page("/robots.txt", "User-agent: *\nDisallow: /private/", type_="text/plain")
    found = await until_fetched(owner, await add(owner, pages.url("/private/x")), "failed")
    assert "robots.txt" in found["error"]
    pages.pages["/robots.txt"] = Reply(status=500)
    found = await until_fetched(owner, await add(owner, pages.url("/private/y")), "failed")
    assert "robots.txt cannot be read" in found["error"]
    assert pages.asked() == {"/robots.txt": 2}


# --- what does not end -----------------------------------------------------------------------------------------------


async def endless(request: Request) -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65_536


async def trickling(request: Request) -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.01)


async def test_a_body_without_end_is_cut(pages: WebSite) -> None:
    pages.pages["/endless"] = lambda request: Reply(endless(request))
    pages.pages["/slow"] = lambda request: Reply(trickling(request))
    async with Fetcher(Guard([HostRule.parse(f"127.0.0.1:{pages.port}")])) as fetcher:
        with pytest.raises(FetchError, match="more than 1,000,000 bytes"):
            await fetcher.get(pages.url("/endless"), limit=1_000_000)
        with pytest.raises(FetchError, match=r"more than 0\.3 seconds"):
            await fetcher.get(pages.url("/slow"), limit=1_000_000, seconds=0.3)


async def test_headers_without_end_are_cut() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        try:
            while not reader.at_eof():
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Fetcher(Guard([HostRule.parse(f"127.0.0.1:{port}")])) as fetcher:
            with pytest.raises(FetchError, match=r"more than 0\.3 seconds"):
                await fetcher.get(f"http://127.0.0.1:{port}/", limit=1000, seconds=0.3)


# --- sitemaps --------------------------------------------------------------------------------------------------------


async def test_a_sitemap_is_followed_through_its_changes(owner: Owner, pages: WebSite) -> None:
    pages.page("/robots.txt", "User-agent: *\nDisallow: /closed", type_="text/plain")
    pages.page("/closed", "The closed tapir.")
    pages.page("/a", "# A\n\nThe first tapir.", etag='"a1"')
    pages.page("/b", "# B\n\nThe second tapir.")
    pages.page("/c", "# C\n\nThe third tapir.")
    pages.redirect("/away", "https://elsewhere.example/")
    shown = [pages.url(path) for path in ("/a", "/a#again", "/b", "/away", "/missing", "/closed")]
    pages.sitemap("/one.xml.gz", *shown, "http://other.example/x", "http://127.0.0.1:9/", packed=True)
    pages.sitemap("/two.xml", f"{pages.url('/c')} 2020-01-01")
    url = pages.sitemap("/sitemap.xml", pages.url("/one.xml.gz"), pages.url("/two.xml"), index=True)
    source = await add(owner, url, "sitemap", every_hours=24)
    found = await until_fetched(owner, source, "ready")
    assert (found["done"], found["total"], found["documents"]) == (6, 6, 3)
    assert "2 of 6 pages could not be fetched" in found["error"]
    assert "/away" in found["error"]
    assert "1 pages are left out, as the site's robots.txt asks" in found["error"]
    assert "2 addresses are left out" in found["error"]
    assert found["next_fetch"] > found["fetched"]
    assert await titles(owner, "tapir") == {"A", "B", "C"}
    ids = {each["title"]: each["id"] for each in await documents(owner, source)}
    assert "/closed" not in pages.asked()

    # /a is the same, /b has changed, /c has not by the sitemap's word, /away is listed no more, /d is new.
    pages.page("/b", "# B\n\nThe tapir changed.")
    pages.page("/d", "# D\n\nThe fourth tapir.")
    pages.sitemap("/one.xml.gz", *(pages.url(path) for path in ("/a", "/b", "/d")), packed=True)
    found = await again(owner, source, "ready")
    assert (found["done"], found["total"], found["error"]) == (4, 4, None)
    asked = pages.asked()
    assert (asked["/a"], asked["/b"], asked["/c"], asked["/d"]) == (1, 1, 0, 1)
    now = {each["title"]: each["id"] for each in await documents(owner, source)}
    assert now.keys() == {"A", "B", "C", "D"}
    assert (now["A"], now["C"]) == (ids["A"], ids["C"])
    assert now["B"] != ids["B"]

    # /a vanishes from the list, and so it does here, though the page is still there.
    pages.sitemap("/one.xml.gz", pages.url("/b"), pages.url("/d"), packed=True)
    await again(owner, source, "ready")
    assert await titles(owner, "tapir") == {"B", "C", "D"}

    # While a part of the list cannot be had, nobody knows what has vanished.
    pages.pages["/two.xml"] = Reply(status=500)
    found = await again(owner, source, "ready")
    assert "two.xml" in found["error"]
    assert await titles(owner, "tapir") == {"B", "C", "D"}
    pages.pages["/sitemap.xml"] = Reply(b"<html></html>", headers={"Content-Type": "text/html"})
    assert "no sitemap" in (await again(owner, source, "failed"))["error"]
    assert await titles(owner, "tapir") == {"B", "C", "D"}


async def test_a_page_under_two_addresses_is_one_document(owner: Owner, pages: WebSite) -> None:
    for path in ("/x", "/y"):
        pages.page(path, "# Twin\n\nThe aardvark is one.")
    source = await add(owner, pages.sitemap("/s.txt", pages.url("/x"), pages.url("/y")), "sitemap")
    await until_fetched(owner, source, "ready")
    (before,) = await documents(owner, source)
    await again(owner, source, "ready")
    (after,) = await documents(owner, source)
    assert (after["id"], after["url"], after["updated"]) == (before["id"], pages.url("/x"), before["updated"])


async def test_no_more_pages_are_fetched_than_the_limit(owner: Owner, pages: WebSite) -> None:
    urls = [pages.page(f"/{n}", f"# {n}\n\nThe lemur {n}.") for n in range(5)]
    source = await add(owner, pages.sitemap("/s.xml", *urls), "sitemap", page_limit=3)
    found = await until_fetched(owner, source, "ready")
    assert (found["total"], found["documents"]) == (3, 3)
    assert "Only 3 pages" in found["error"]
    # What is no longer among the first ones may be there all the same: it is looked after.
    pages.sitemap("/s.xml", *reversed(urls))
    del pages.pages["/0"]
    found = await again(owner, source, "ready")
    assert {each["title"] for each in await documents(owner, source)} == {"1", "2", "3", "4"}


# --- schedule, end ---------------------------------------------------------------------------------------------------


async def test_what_is_due_is_fetched_though_nobody_says_so(api: Api, owner: Owner, pages: WebSite) -> None:
    """As on schedule, or after Redis lost its messages."""
    url = pages.page("/due", "# Due\n\nThe gibbon sings.", etag='"1"')
    source = await add(owner, url, every_hours=2)
    first = await until_fetched(owner, source, "ready")
    pages.page("/due", "# Due\n\nThe gibbon sings again.", etag='"2"')
    await api.store.pool.execute(
        "UPDATE knowledge_websource SET next_fetch = now(), status = 'queued' WHERE id = $1::uuid", source
    )
    second = await until_fetched(owner, source, "ready")
    assert second["next_fetch"] > first["next_fetch"]
    (passage,) = await owner.search("gibbon")
    assert passage["text"].endswith("The gibbon sings again.")


@pytest.mark.parametrize("with_documents", [True, False])
async def test_a_source_goes_with_its_documents_or_leaves_them(
    owner: Owner, pages: WebSite, with_documents: bool
) -> None:
    source = await add(owner, pages.page("/p", f"# Left\n\nThe serval {uuid.uuid4().hex}."))
    await until_fetched(owner, source, "ready")
    answer = await owner.delete(f"{SOURCES}/{source}", params={"documents": with_documents})
    assert answer.status_code == 204
    assert bool(await owner.search("serval")) is not with_documents
    assert (await owner.get(SOURCES)).json() == {"sources": []}
    problem(await owner.delete(f"{SOURCES}/{source}"), 404, "not_found")


async def test_a_source_deleted_while_it_is_fetched_leaves_nothing(api: Api, owner: Owner, pages: WebSite) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        asked.set()
        await answer.wait()
        yield b"# Late\n\nThe kakapo came late."

    pages.pages["/late"] = lambda request: Reply(held(), headers={"Content-Type": "text/markdown"})
    source = await add(owner, pages.url("/late"))
    other = await add(owner, pages.page("/other", "# Other\n\nThe kea waits its turn."))
    async with asyncio.timeout(3 * DEADLINE):
        await asked.wait()
    assert (await owner.delete(f"{SOURCES}/{source}")).status_code == 204
    answer.set()
    await until_fetched(owner, other, "ready")  # the site is free again
    assert await owner.search("kakapo") == []
    assert len((await owner.get(DOCUMENTS)).json()["documents"]) == 1


# --- who may, and what is refused ------------------------------------------------------------------------------------


async def test_an_address_is_there_once_in_a_collection(owner: Owner, pages: WebSite) -> None:
    url = pages.page("/once", "# Once\n\nThe dugong.")
    await add(owner, url)
    problem(await owner.post(SOURCES, json={"url": f"{url}#x"}), 409, "conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "x"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "https://a.example/", "kind": "all"}, "kind"),
        ({"url": "https://a.example/", "every_hours": -1}, "every_hours"),
        ({"url": "https://a.example/", "page_limit": 0}, "page_limit"),
        ({"url": "https://a.example/", "page_limit": 10_001}, "page_limit"),
        ({"url": "https://a.example/", "collection": "nothing"}, "collection"),
    ],
)
async def test_a_refused_source_names_the_field(owner: Owner, body: dict[str, Any], field: str) -> None:
    assert problem(await owner.post(SOURCES, json=body), 422, "invalid")["field"] == field


async def test_sources_are_for_who_manages_the_site(api: Api, owner: Owner, pages: WebSite, site: Site) -> None:
    source = await add(owner, pages.page("/mine", "# Mine\n\nThe axolotl grins."))
    member = api.client(await api.member("Max", "member", site))
    elsewhere = await Site(api.store.pool, key=f"site-{uuid.uuid4().hex[:12]}").create()
    other = as_owner(api, await api.member("Eve", "admin", elsewhere))
    for method, path in (("GET", ""), ("POST", ""), ("POST", f"/{source}/fetch"), ("DELETE", f"/{source}")):
        body = {"url": "https://a.example/"} if not path and method == "POST" else None
        problem(await member.request(method, f"{SOURCES}{path}", json=body), 403, "forbidden")
        if path:
            problem(await other.request(method, f"{SOURCES}{path}"), 404, "not_found")
    assert (await other.get(SOURCES)).json() == {"sources": []}
    await until_fetched(owner, source, "ready")


async def test_the_command_fetches_by_the_same_rules(api: Api, owner: Owner, pages: WebSite, site: Site) -> None:
    one = pages.page("/one", "# One\n\nThe fossa hunts.", etag='"1"')
    two = pages.page("/two", "# Two\n\nThe fossa rests.", etag='"2"')
    url = pages.sitemap("/sitemap.xml", one, two, pages.url("/none"))
    key = await api.store.pool.fetchval("SELECT key FROM sites_site WHERE id = $1::uuid", site.id)
    environ = environment(**api.environ)

    def ingest(*arguments: str) -> str:
        done = manage("ingest", "--site", key, *arguments, environ=environ)
        assert not done.stderr, done.stderr
        return done.stdout

    said = await asyncio.to_thread(ingest, "--sitemap", url)
    assert "1 of 3 pages could not be fetched" in said
    assert "2 ready" in said
    assert await titles(owner, "fossa") == {"One", "Two"}
    said = await asyncio.to_thread(ingest, one, "http://2130706433/")
    assert "four decimal numbers" in said
    assert "0 ready, 1 unchanged, 1 failed" in said
