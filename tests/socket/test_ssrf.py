"""Nobody looks through the server at what only it can reach. Canaries listen where an attacker would like to get to, on
this machine's loopback addresses, and none of them may ever be connected to."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx
import pytest
import pytest_asyncio

from chatserver.hosts import HostRule
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.errors import FetchError, Refused
from chatserver.knowledge.web.fetch import Fetcher
from chatserver.knowledge.web.robots import Robots
from chatserver.knowledge.web.transport import GuardedTransport
from tests.api import DEADLINE, Api, background_worker, problem
from tests.owner import DOCUMENTS, POLL_SECONDS, Owner
from tests.records import Site
from tests.unit.test_addresses import REFUSED
from tests.web_site import web_site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCES = "/api/v1/web-sources"
PUBLIC = "93.184.215.14"


@dataclass
class Canary:
    """`port`: one that the system chose, on every loopback address; where the machine lets us, 80 and 443 too."""

    port: int = 0
    connections: list[str] = field(default_factory=list)


def listening(host: str, port: int) -> socket.socket | None:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError:  # a port that is not ours to take, or a machine without IPv6
        return None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def canaries() -> AsyncIterator[Canary]:
    canary = Canary()

    def server(address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            canary.connections.append(address)
            writer.close()

        return connected

    async with AsyncExitStack() as stack:
        first = listening("127.0.0.1", 0)
        assert first is not None
        canary.port = first.getsockname()[1]
        sockets = [first]
        for host, ports in (
            ("127.0.0.1", (80, 443)),
            ("127.0.0.2", (80, canary.port)),
            ("::1", (80, 443, canary.port)),
        ):
            sockets += [found for port in ports if (found := listening(host, port))]
        for each in sockets:
            name = "{}:{}".format(*each.getsockname())
            await stack.enter_async_context(await asyncio.start_server(server(name), sock=each))
        yield canary


@pytest.fixture
def canary(canaries: Canary) -> Iterable[Canary]:
    """Whatever a test does: nobody came."""
    yield canaries
    came = canaries.connections[:]
    canaries.connections.clear()
    assert came == []


async def test_a_canary_sings_when_it_is_touched(canaries: Canary) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", canaries.port)
    assert await reader.read() == b""
    writer.close()
    assert canaries.connections == [f"127.0.0.1:{canaries.port}"]
    canaries.connections.clear()


# --- the fetcher -----------------------------------------------------------------------------------------------------


def names(**addresses: list[list[str]]) -> tuple[Callable[..., Any], list[str]]:
    """A resolver of names below .test: each look-up gets the next of its answers, and from then on the last one."""
    asked: list[str] = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        answers = addresses[host.removesuffix(".test")]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return resolver, asked


def spellings(canary: Canary) -> list[str]:
    """The corpus, at its own port and at the canary's."""
    urls = []
    for text in REFUSED:
        urls.append(text)
        try:
            url = httpx.URL(text)
            if url.host and url.port is None:
                urls.append(str(url.copy_with(port=canary.port)))
        except (httpx.InvalidURL, ValueError):
            continue
    return urls


@pytest.mark.parametrize("allowed", [(), ("wiki.example:{port}", "10.9.0.0/16", "[2001:db8::]:{port}")])
async def test_no_spelling_of_a_private_address_is_fetched(canary: Canary, allowed: tuple[str, ...]) -> None:
    rules = [HostRule.parse(entry.format(port=canary.port)) for entry in allowed]
    async with Fetcher(Guard(rules)) as fetcher:
        for url in spellings(canary):
            with pytest.raises(Refused):
                await fetcher.get(url, limit=1000)


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], [PUBLIC, "127.0.0.1"], ["::1", PUBLIC]],
)
async def test_a_name_that_leads_here_is_not_fetched(canary: Canary, addresses: list[str]) -> None:
    resolver, asked = names(evil=[addresses])
    async with Fetcher(Guard(resolver=resolver)) as fetcher:
        for scheme in ("http", "https"):
            with pytest.raises(Refused):
                await fetcher.get(f"{scheme}://evil.test/", limit=1000)
    assert asked == ["evil.test"] * 2


class Recorder(httpcore.AsyncNetworkBackend):
    """Opens no sockets: knows who was to be connected to, whose certificate was wanted and what was sent; answers."""

    def __init__(self, *answers: bytes) -> None:
        self.connected: list[tuple[str, int]] = []
        self.proven: list[str | None] = []
        self.sent = b""
        self._answers = list(answers)

    async def connect_tcp(self, host: str, port: int, *rest: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        return Recorded(self, self._answers.pop(0))


class Recorded(httpcore.AsyncMockStream):
    def __init__(self, recorder: Recorder, answer: bytes) -> None:
        super().__init__([answer])
        self._recorder = recorder

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._recorder.sent += buffer

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        assert ssl_context.check_hostname
        assert ssl_context.verify_mode == ssl.CERT_REQUIRED
        self._recorder.proven.append(server_hostname)
        return self


def said(status: str, *headers: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: text/plain", *headers, "", body]
    return "\r\n".join(lines).encode()


async def test_the_connection_goes_to_the_address_that_was_checked(canary: Canary) -> None:
    """The name says something else a moment later; nobody asks it."""
    resolver, asked = names(rebind=[[PUBLIC], ["127.0.0.1"]])
    network = Recorder(said("200 OK", "Connection: close", body="hello"))
    guard = Guard(resolver=resolver)
    async with Fetcher(guard, transport=GuardedTransport(guard, network)) as fetcher:
        fetched = await fetcher.get("http://rebind.test/", limit=1000)
        assert fetched.body is not None
        with fetched.body:
            assert fetched.body.read() == b"hello"
        assert (asked, network.connected) == (["rebind.test"], [(PUBLIC, 80)])
        with pytest.raises(Refused):  # for a second connection it is asked, and refused
            await fetcher.get("http://rebind.test/", limit=1000)
    assert network.connected == [(PUBLIC, 80)]


async def test_the_site_proves_its_name_at_the_address(canary: Canary) -> None:
    resolver, _ = names(public=[[PUBLIC]])
    network = Recorder(said("200 OK", body="hello"))
    guard = Guard(resolver=resolver)
    async with Fetcher(guard, transport=GuardedTransport(guard, network)) as fetcher:
        fetched = await fetcher.get("https://public.test/", limit=1000)
    assert fetched.body is not None
    fetched.body.close()
    assert (network.connected, network.proven) == ([(PUBLIC, 443)], ["public.test"])
    assert b"\r\nHost: public.test\r\n" in network.sent


async def test_a_name_that_changes_between_robots_txt_and_the_page_is_refused(canary: Canary) -> None:
    resolver, _ = names(rebind=[[PUBLIC], ["127.0.0.1"]])
    network = Recorder(said("404 Not Found", "Connection: close"))
    guard = Guard(resolver=resolver)
    async with Fetcher(guard, transport=GuardedTransport(guard, network)) as fetcher:
        with pytest.raises(Refused):
            await fetcher.get("http://rebind.test/", limit=1000, hop=Robots(fetcher, 0).hop)
    assert network.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    """
    http://127.0.0.1/ http://127.0.0.1:{port}/ http://2130706433:{port}/ http://0x7f.1:{port}/ //[::1]:{port}/x
    http://[::ffff:7f00:1]:{port}/ http://inner.test/ http://inner.test:{port}/ file:///etc/passwd
    gopher://127.0.0.1:{port}/_x http://public.test@127.0.0.1:{port}/ http://localhost:{port}/ https://127.0.0.1:{port}/
    """.split(),
)
async def test_a_public_page_that_leads_here_is_not_followed(canary: Canary, location: str) -> None:
    resolver, _ = names(public=[[PUBLIC]], inner=[["127.0.0.1"]])
    network = Recorder(said("302 Found", f"Location: {location.format(port=canary.port)}", "Connection: close"))
    guard = Guard(resolver=resolver)
    async with Fetcher(guard, transport=GuardedTransport(guard, network)) as fetcher:
        with pytest.raises(FetchError):
            await fetcher.get("http://public.test/", limit=1000)
    assert network.connected == [(PUBLIC, 80)]


async def test_a_name_that_is_rebound_to_the_canary_finds_real_sockets_closed(canary: Canary) -> None:
    """With real connections: the site is a private address that is allowed, the canary beside it is not."""
    async with web_site("127.0.0.3") as site:
        page = site.page("/", "hello")
        resolver, _ = names(rebind=[["127.0.0.3"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.3"]])
        guard = Guard([HostRule.parse(f"127.0.0.3:{site.port}"), HostRule.parse(f"127.0.0.3:{canary.port}")], resolver)
        async with Fetcher(guard) as fetcher:
            fetched = await fetcher.get(f"http://rebind.test:{site.port}/", limit=1000)
            assert fetched.body is not None
            fetched.body.close()
            for _ in range(2):
                with pytest.raises(Refused):
                    await fetcher.get(f"http://rebind.test:{canary.port}/", limit=1000)
            site.redirect("/to", f"http://127.0.0.1:{canary.port}/")
            with pytest.raises(Refused):
                await fetcher.get(f"{page}to", limit=1000)
        assert site.asked() == {"/": 1, "/to": 1}


async def test_proxies_of_the_environment_are_not_used(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    resolver, _ = names(public=[[PUBLIC]])
    network = Recorder(said("200 OK", body="hello"))
    guard = Guard(resolver=resolver)
    async with Fetcher(guard, transport=GuardedTransport(guard, network)) as fetcher:
        fetched = await fetcher.get("http://public.test/", limit=1000)
    assert fetched.body is not None
    fetched.body.close()
    assert network.connected == [(PUBLIC, 80)]


# --- the server and its worker, which allow nothing ------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(api: Api) -> AsyncIterator[None]:
    async with background_worker(api.environ):
        yield


async def test_the_api_takes_no_private_address(owner: Owner, canary: Canary) -> None:
    bodies = itertools.cycle([(SOURCES, {}), (SOURCES, {"kind": "sitemap"}), (DOCUMENTS, {"title": ""})])
    for url, (path, more) in zip(REFUSED, bodies, strict=False):
        answer = await owner.post(path, json={"url": url, **more})
        assert problem(answer, 422, "invalid")["field"] in ("url", "body"), url
    assert (await owner.get(SOURCES)).json() == {"sources": []}


async def test_the_worker_fetches_from_no_private_address(
    api: Api, site: Site, owner: Owner, canary: Canary, worker: None
) -> None:
    """Not even from a source that is in the records, as if the API had let it pass."""
    await owner.post(DOCUMENTS, json={"title": "One", "text": "So that there is a collection."})
    ((collection,),) = [[each["id"] for each in await owner.collections()]]
    urls = [url for url in spellings(canary) if len(url) <= 2000][::2]
    for number, url in enumerate(urls):
        await api.store.pool.execute(
            """INSERT INTO knowledge_websource(id, collection_id, url, kind, every_hours, page_limit, status, error,
                                               done, total, next_fetch, created)
               VALUES (gen_random_uuid(), $1::uuid, $2, $3, 0, 10, 'queued', '', 0, 0, now(), now())""",
            *(collection, url, ("page", "sitemap")[number % 2]),
        )
    async with asyncio.timeout(3 * DEADLINE):
        while True:
            found = (await owner.get(SOURCES)).json()["sources"]
            assert len(found) == len(urls)
            if all(each["status"] == "failed" for each in found):
                break
            await asyncio.sleep(POLL_SECONDS)
    assert all(each["error"] for each in found)
    assert not any(each["documents"] for each in found)
