"""What sites ask of crawlers (RFC 9309), read once per site and run."""

from __future__ import annotations

import asyncio
import time

import httpx
from msgspec import Struct
from protego import Protego

from chatserver.knowledge.web.errors import Disallowed, FetchError, Unreachable
from chatserver.knowledge.web.fetch import AGENT, Fetcher

__all__ = ["DELAY_MAX", "Robots"]

BYTES = 500 * 1024
"""As much as RFC 9309, 2.5, wants to be read; a site that says more cannot be understood."""
SECONDS = 20.0
DELAY_MAX = 10.0


class _Rules(Struct):
    parsed: Protego | None = None
    failure: str = ""
    next_at: float = 0.0

    @property
    def delay(self) -> float:
        told = self.parsed.crawl_delay(AGENT) if self.parsed else None
        return min(told or 0.0, DELAY_MAX)


class Robots:
    """The rules of the sites that one run meets, and when each may be asked again."""

    def __init__(self, fetcher: Fetcher, pause: float) -> None:
        """`pause`: seconds between two requests to a site that does not ask for more."""
        self._fetcher = fetcher
        self._pause = pause
        self._rules: dict[str, _Rules] = {}

    async def hop(self, url: httpx.URL) -> None:
        """Before each request for a page. Raises `Disallowed`, and what `turn` does."""
        rules = await self._of(url)
        if rules.parsed is not None and not rules.parsed.can_fetch(str(url), AGENT):
            raise Disallowed("The site's robots.txt does not want this page to be fetched.")
        await self.turn(url)

    async def turn(self, url: httpx.URL) -> None:
        """Before each request: wait until the site may be asked again. Raises `Unreachable` while its rules cannot be
        had: nobody knows then what it wants."""
        rules = await self._of(url)
        if rules.failure:
            raise Unreachable(rules.failure)
        now = time.monotonic()
        turn = max(now, rules.next_at)
        rules.next_at = turn + max(self._pause, rules.delay)
        await asyncio.sleep(turn - now)

    async def _of(self, url: httpx.URL) -> _Rules:
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if origin not in self._rules:
            self._rules[origin] = await self._read(url)
        return self._rules[origin]

    async def _read(self, url: httpx.URL) -> _Rules:
        try:
            found = await self._fetcher.get(url.join("/robots.txt"), limit=BYTES, seconds=SECONDS)
        except FetchError as error:
            if 400 <= error.status < 500 and error.status != 429:
                return _Rules()  # there are none
            return _Rules(failure=f"The site's robots.txt cannot be read, so nothing is fetched from it now. {error}")
        assert found.body is not None
        with found.body:
            return _Rules(Protego.parse(found.body.read().decode("utf-8-sig", errors="replace")))
