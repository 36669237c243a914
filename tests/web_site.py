"""A web site for tests of what fetches from one: pages that change and go, on a real HTTP server."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.small_http import HTTP, Reply, Request, http_server

type Page = Reply | Callable[[Request], Reply]


@dataclass
class WebSite:
    """`pages` by path; what is not there is 404."""

    http: HTTP
    pages: dict[str, Page] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return urlsplit(self.http.url).port or 0

    def url(self, path: str) -> str:
        return f"{self.http.url}{path}"

    def page(self, path: str, text: str, *, etag: str = "", type_: str = "text/markdown") -> str:
        """Put a page there, which answers conditional requests if it has an `etag`; returns its URL."""

        def answer(request: Request) -> Reply:
            if etag and request.headers.get("if-none-match") == etag:
                return Reply(status=304)
            return Reply(text.encode(), headers={"Content-Type": type_} | ({"ETag": etag} if etag else {}))

        self.pages[path] = answer
        return self.url(path)

    def redirect(self, path: str, location: str) -> str:
        self.pages[path] = Reply(status=302, headers={"Location": location})
        return self.url(path)

    def sitemap(self, path: str, *entries: str, index: bool = False, packed: bool = False) -> str:
        """A sitemap of URLs, each with its `lastmod` behind a blank where it has one."""
        root, item = ("sitemapindex", "sitemap") if index else ("urlset", "url")
        listed = ""
        for url, _, changed in (entry.partition(" ") for entry in entries):
            lastmod = f"<lastmod>{changed}</lastmod>" if changed else ""
            listed += f"<{item}><loc>{url}</loc>{lastmod}</{item}>"
        data = f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</{root}>'.encode()
        self.pages[path] = Reply(gzip.compress(data) if packed else data, headers={"Content-Type": "application/xml"})
        return self.url(path)

    def asked(self) -> Counter[str]:
        """The paths that were asked for since this was called last."""
        counts = Counter(request.path for request in self.http.requests)
        self.http.requests.clear()
        return counts


@asynccontextmanager
async def web_site(host: str = "127.0.0.1") -> AsyncIterator[WebSite]:
    def answer(request: Request) -> Reply:
        page = site.pages.get(request.path, Reply(status=404))
        return page if isinstance(page, Reply) else page(request)

    async with http_server(answer, host) as http:
        site = WebSite(http)
        yield site
