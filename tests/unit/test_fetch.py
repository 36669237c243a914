"""What a fetcher makes of answers, and of robots.txt: without a network, so also of https and of public names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx
import pytest

from chatserver import __version__
from chatserver.config import BASE_DIR
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.errors import Disallowed, FetchError, Gone, Later, Refused
from chatserver.knowledge.web.fetch import Fetched, Fetcher, Validators
from chatserver.knowledge.web.robots import DELAY_MAX, Robots

type Site = Mapping[str, httpx.Response | Callable[[httpx.Request], httpx.Response]]

NOTHING = Validators()
KNOWN = Validators('"v1"', "Sat, 21 Nov 2026 10:00:00 GMT")


def fetcher(site: Site) -> tuple[Fetcher, list[httpx.Request]]:
    """One that is answered by URL; all else is 404."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        found = site.get(str(request.url), httpx.Response(404))
        return found if isinstance(found, httpx.Response) else found(request)

    return Fetcher(Guard(), contact="https://chat.example", transport=httpx.MockTransport(answer)), requests


async def get(site: Site, url: str = "https://a.example/", known: Validators = NOTHING) -> Fetched:
    one, _ = fetcher(site)
    async with one:
        return await one.get(url, limit=1000, known=known)


def text(body: str = "hello", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, headers={"content-type": "text/plain", **named}, stream=httpx.ByteStream(body.encode()))


def to(location: str, status: int = 302) -> httpx.Response:
    return httpx.Response(status, headers={"location": location})


def test_the_version_is_that_of_the_project() -> None:
    assert f'\nversion = "{__version__}"\n' in (BASE_DIR / "pyproject.toml").read_text()


async def test_a_page_comes_with_what_is_needed_to_ask_again() -> None:
    fetched = await get({"https://a.example/": text(etag=KNOWN.etag, last_modified=KNOWN.last_modified)})
    assert fetched.body is not None
    assert (fetched.body.read(), fetched.media_type, fetched.validators) == (b"hello", "text/plain", KNOWN)
    fetched.body.close()


async def test_it_says_who_asks_and_nothing_more() -> None:
    one, requests = fetcher({"https://a.example/": text(set_cookie="a=b; Path=/"), "https://a.example/b": text()})
    async with one:
        for path in ("", "b"):
            (await one.get(f"https://a.example/{path}", limit=1000)).body.close()  # type: ignore[union-attr]
    for request in requests:
        assert request.headers["user-agent"] == f"chatserver/{__version__} (+https://chat.example)"
        assert set(request.headers) == {"host", "connection", "accept", "accept-encoding", "user-agent"}


async def test_what_has_not_changed_has_no_body() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        same = request.headers["if-none-match"] == KNOWN.etag and request.headers["if-modified-since"]
        return httpx.Response(304 if same else 500)

    fetched = await get({"https://a.example/": answer}, known=KNOWN)
    assert (fetched.body, fetched.validators) == (None, KNOWN)


async def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(FetchError, match="304"):
        await get({"https://a.example/": httpx.Response(304)})


@pytest.mark.parametrize("etag", ['"' + "x" * 600 + '"', '"caf\xe9"'])
async def test_a_validator_that_cannot_be_sent_back_is_not_kept(etag: str) -> None:
    response = httpx.Response(200, headers=[(b"etag", etag.encode("latin-1"))], stream=httpx.ByteStream(b"x"))
    fetched = await get({"https://a.example/": response})
    assert fetched.validators == NOTHING
    assert fetched.body is not None
    fetched.body.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    site = {"https://a.example/": to("/b", status), "https://a.example/b": to("//www.a.example/c"),
            "https://www.a.example/c": text()}  # fmt: skip
    fetched = await get(site)
    assert fetched.url == "https://www.a.example/c"
    assert fetched.body is not None
    fetched.body.close()


async def test_redirects_end() -> None:
    with pytest.raises(FetchError, match="more than 5 times"):
        await get({"https://a.example/": to("/")})
    chain = {f"https://a.example/{n}": to(f"/{n + 1}") for n in range(5)}
    fetched = await get({**chain, "https://a.example/5": text()}, "https://a.example/0")
    assert fetched.body is not None
    fetched.body.close()


@pytest.mark.parametrize(
    "location",
    """
    http://127.0.0.1/ http://2130706433/ //[::ffff:7f00:1]/ file:///etc/passwd gopher://a.example/ http://b.example/
    https://user@b.example/ https://a.example:6379/ https://localhost/ http://[::1
    """.split(),
)
async def test_a_redirect_goes_only_where_a_page_might_be(location: str) -> None:
    one, requests = fetcher({"https://a.example/": to(location), location: text()})
    async with one:
        with pytest.raises(FetchError):
            await one.get("https://a.example/", limit=1000)
    assert len(requests) == 1


async def test_a_slip_from_https_to_http_of_one_site_stays_with_https() -> None:
    fetched = await get(
        {"https://a.example/b": to("http://a.example/b/"), "https://a.example/b/": text()}, "https://a.example/b"
    )
    assert fetched.url == "https://a.example/b/"
    assert fetched.body is not None
    fetched.body.close()


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (httpx.Response(404), Gone, "no such page"),
        (httpx.Response(410), Gone, "no such page"),
        (httpx.Response(401), FetchError, "everybody"),
        (httpx.Response(403), FetchError, "everybody"),
        (httpx.Response(500), FetchError, "500"),
        (httpx.Response(204), FetchError, "204"),
        (httpx.Response(302), FetchError, "302"),
        (text("x" * 1001), FetchError, "more than 1,000 bytes"),
        (text(content_length="1001"), FetchError, "more than 1,000 bytes"),
        (text(content_encoding="br"), FetchError, "not asked for"),
        (text(content_encoding="gzip, gzip"), FetchError, "not asked for"),
        (text(content_encoding="gzip"), FetchError, "unpacked"),
    ],
)
async def test_what_is_no_page_says_why(response: httpx.Response, error: type[FetchError], words: str) -> None:
    with pytest.raises(error, match=words):
        await get({"https://a.example/": response})


@pytest.mark.parametrize(
    ("status", "told", "seconds"),
    [(429, "7", 7), (503, "7", 7), (503, None, 60), (429, "999999", 3600), (429, "soon", 60), (429, "-5", 0)],
)
async def test_a_busy_site_is_left_alone_as_long_as_it_asks(status: int, told: str | None, seconds: float) -> None:
    with pytest.raises(Later) as later:
        await get({"https://a.example/": httpx.Response(status, headers={"retry-after": told} if told else {})})
    assert later.value.seconds == seconds


# --- robots.txt ------------------------------------------------------------------------------------------------------


async def hop(robots: httpx.Response | Callable[[httpx.Request], httpx.Response], path: str = "/private/x") -> None:
    one, _ = fetcher({"https://a.example/robots.txt": robots})
    async with one:
        await Robots(one, 0).hop(httpx.URL(f"https://a.example{path}"))


@pytest.mark.parametrize(
    "robots",
    [
        text("User-agent: *\nDisallow: /private/"),
        text("\ufeffUser-agent: *\nDisallow: /*/x$"),
        text("User-agent: *\nAllow: /\n\nUser-agent: ChatServer\nDisallow: /"),
    ],
)
async def test_what_a_site_wants_to_be_left_alone_is(robots: httpx.Response) -> None:
    with pytest.raises(Disallowed):
        await hop(robots)


@pytest.mark.parametrize(
    "robots",
    [
        text("User-agent: *\nDisallow: /other/"),
        text("User-agent: *\nDisallow: /\n\nUser-agent: chatserver\nAllow: /"),
        text("<html>no rules at all</html>"),
        httpx.Response(404),
        httpx.Response(403),
    ],
)
async def test_what_a_site_allows_is_fetched(robots: httpx.Response) -> None:
    await hop(robots)


@pytest.mark.parametrize(
    "robots", [httpx.Response(500), httpx.Response(429), text("x" * 600_000), to("http://127.0.0.1/")]
)
async def test_while_nobody_knows_what_a_site_wants_nothing_is_fetched(robots: httpx.Response) -> None:
    with pytest.raises(FetchError, match=r"robots\.txt cannot be read"):
        await hop(robots)


async def test_rules_are_read_once_and_requests_keep_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(round(seconds))

    one, requests = fetcher({"https://a.example/robots.txt": text("User-agent: *\nCrawl-delay: 4\n"),
                             "https://b.example/robots.txt": text("User-agent: *\nCrawl-delay: 400\n")})  # fmt: skip
    async with one:
        robots = Robots(one, 2)
        monkeypatch.setattr("chatserver.knowledge.web.robots.asyncio.sleep", sleep)
        for host in "aabbcc":
            await robots.hop(httpx.URL(f"https://{host}.example/"))
    assert waited == [0, 4, 0, DELAY_MAX, 0, 2]
    assert [request.url.path for request in requests] == ["/robots.txt"] * 3


async def test_a_refused_address_is_not_asked_for_its_rules() -> None:
    one, requests = fetcher({})
    async with one:
        with pytest.raises(Refused):
            await one.get("http://127.0.0.1/", limit=1, hop=Robots(one, 0).hop)
    assert requests == []
