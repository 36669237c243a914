"""One page from the web: each redirect checked, bytes and time bounded, asked for only when it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import httpcore
import httpx
from msgspec import Struct

from chatserver import __version__
from chatserver.config import Config
from chatserver.knowledge.web.addresses import Guard
from chatserver.knowledge.web.errors import FetchError, Gone, Later, Refused, Unreachable
from chatserver.knowledge.web.transport import GuardedTransport
from chatserver.knowledge.web.unpack import Unpacker
from chatserver.providers.border import retry_after

__all__ = ["AGENT", "Fetched", "Fetcher", "Validators"]

AGENT = "chatserver"
"""The name that a robots.txt knows us by."""
REDIRECTS = 5
READ_SECONDS = 15.0
TOTAL_SECONDS = 120.0
"""For one page with all its redirects: what only trickles in is given up."""
LATER_SECONDS = 60.0
LATER_MAX = 3600.0
MEDIA_TYPE_CHARS = 100
MEMORY_BYTES = 1024 * 1024
"""A larger body lies on the disk until it is read."""
_HEADERS = {
    "Accept": "text/html, application/xhtml+xml, text/markdown, text/plain;q=0.9, application/pdf;q=0.9, */*;q=0.5",
    "Accept-Encoding": "gzip",
}


class Validators(Struct, frozen=True):
    """What a site said of a page's version, for the next conditional request."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> dict[str, str]:
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in named.items() if value}

    @classmethod
    def of(cls, headers: httpx.Headers) -> Validators:
        """One that cannot be kept and sent back is none."""
        return cls(_plain(headers.get("etag", ""), 500), _plain(headers.get("last-modified", ""), 100))


class Fetched(Struct, frozen=True):
    """`url`: where it was in the end. `body`: to be read from its beginning and closed; None: not changed."""

    url: httpx.URL
    body: SpooledTemporaryFile[bytes] | None
    media_type: str = ""
    validators: Validators = Validators()


_NOTHING_KNOWN = Validators()

type Hop = Callable[[httpx.URL], Awaitable[None]]
type Head = Callable[[httpx.URL, str], object]


async def _any_hop(url: httpx.URL) -> None: ...


def _any_head(url: httpx.URL, media_type: str) -> None: ...


class Fetcher:
    """Belongs to one event loop. Keeps nothing but connections: no cookies outlive a page."""

    def __init__(self, guard: Guard, *, contact: str = "", transport: httpx.AsyncBaseTransport | None = None) -> None:
        """`contact`: an address where a site's owner may read who asks."""
        self.guard = guard
        self.agent = f"{AGENT}/{__version__}" + (f" (+{contact})" if contact else "")
        self._client = httpx.AsyncClient(
            transport=transport or GuardedTransport(guard),
            headers={**_HEADERS, "User-Agent": self.agent},
            timeout=READ_SECONDS,
            trust_env=False,
        )

    @classmethod
    def from_settings(cls, settings: Config) -> Self:
        return cls(Guard.from_settings(settings), contact=settings.public_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(
        self,
        url: str | httpx.URL,
        *,
        limit: int,
        known: Validators = _NOTHING_KNOWN,
        hop: Hop = _any_hop,
        head: Head = _any_head,
        seconds: float = TOTAL_SECONDS,
    ) -> Fetched:
        """The page, of at most `limit` bytes once unpacked. Raises `FetchError` and its kinds.

        `hop` is asked about each URL before it is requested, `head` about the final one and its media type before its
        body is read; both may raise.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(self.guard.check_url(url), limit, known, hop, head)
        except TimeoutError:
            raise Unreachable(f"The page took more than {seconds:g} seconds.") from None

    async def _follow(self, url: httpx.URL, limit: int, known: Validators, hop: Hop, head: Head) -> Fetched:
        self._client.cookies.clear()
        for _ in range(REDIRECTS + 1):
            await hop(url)
            with _errors(url.host):
                async with self._client.stream("GET", url, headers=known.headers()) as response:
                    if not response.has_redirect_location:
                        return await _read(response, url, limit, known, head)
                    location = response.headers["location"]
            url = self._next(url, location)
        raise FetchError(f"The page leads to another one more than {REDIRECTS} times.")

    def _next(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = url.join(location)
        except (httpx.InvalidURL, ValueError):
            raise FetchError("The page leads to something that is no address.") from None
        if url.scheme == "https" and target.scheme == "http":
            # Never from a proven site to an unproven one. Within one site it is the slip of a server behind a proxy.
            if (target.host, target.port) != (url.host, url.port):
                raise Refused("The page leads from https to http on another site.")
            target = target.copy_with(scheme="https")
        try:
            return self.guard.check_url(target)
        except Refused as error:
            raise Refused(f"The page leads elsewhere. {error}") from None


async def _read(response: httpx.Response, url: httpx.URL, limit: int, known: Validators, head: Head) -> Fetched:
    status = response.status_code
    if status == 304 and known.headers():
        return Fetched(url, None, validators=known)
    if status in (404, 410):
        raise Gone(f"The site has no such page (HTTP {status}).", status)
    if status in (429, 503):
        wait = retry_after(response.headers)
        seconds = min(LATER_SECONDS if wait is None else wait, LATER_MAX)
        raise Later(f"The site is busy (HTTP {status}).", status, seconds)
    if status in (401, 403):
        raise FetchError(f"The site does not show this page to everybody (HTTP {status}).", status)
    if status >= 500:
        raise Unreachable(f"The site answered with HTTP {status}.", status)
    if status != 200:
        raise FetchError(f"The site answered with HTTP {status}.", status)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()[:MEDIA_TYPE_CHARS]
    head(url, media_type)
    too_large = FetchError(f"The page has more than {limit:,} bytes.")
    announced = response.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise too_large
    body: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        size = 0
        async for block in _unpacked(response):
            if (size := size + len(block)) > limit:
                raise too_large
            body.write(block)
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return Fetched(url, body, media_type, Validators.of(response.headers))


async def _unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        async for block in response.aiter_raw():
            yield block
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise FetchError("The site sent the page in an encoding that was not asked for.")
    unpacker = Unpacker()
    try:
        async for packed in response.aiter_raw():
            for block in unpacker.feed(packed):
                yield block
    except zlib.error:
        raise FetchError("The site sent a page that cannot be unpacked.") from None
    if not unpacker.complete:
        raise FetchError("The page broke off.")


@contextlib.contextmanager
def _errors(host: str) -> Iterator[None]:
    """What httpcore and httpx may raise, in words."""
    try:
        yield
    except httpcore.ConnectTimeout:
        raise Unreachable(f"{host} cannot be reached: it does not answer.") from None
    except (httpcore.TimeoutException, httpx.TimeoutException):
        raise Unreachable(f"{host} stopped answering.") from None
    except httpcore.ConnectError as error:
        raise Unreachable(f"{host} cannot be reached ({_reason(error)}).") from None
    except (httpcore.NetworkError, httpx.NetworkError):
        raise Unreachable(f"{host} broke the connection.") from None
    except (httpcore.ProtocolError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
        raise Unreachable(f"{host} sent an answer that is no HTTP, or not all of it.") from None


def _plain(value: str, chars: int) -> str:
    return value if len(value) <= chars and value.isascii() and value.isprintable() else ""


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return "its certificate is not valid" if "CERTIFICATE" in text else text[:200]
