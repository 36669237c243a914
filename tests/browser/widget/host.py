"""A customer's web site: an origin of its own, a strict content security policy, and the widget in its page."""

from __future__ import annotations

import asyncio
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import ANSWER, Demo

__all__ = ["WHOLE", "Host", "WidgetPage", "plain"]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A shop</title>
<link rel="stylesheet" href="/site.css">
<main><h1>A shop</h1><p><a href="/second">Second page</a> <button id="own">The shop's own button</button></p></main>
<script async src="{server}/widget.js" data-site="{site}"></script>
</html>
"""
# Rules as some sites have them: they reach for everything, and mean it.
CSS = """
* { color: rgb(1, 2, 3) !important; font: 40px/3 fantasy !important; }
button, textarea { display: none !important; }
#own { display: block !important; }
chatserver-widget { width: 10px; transform: scale(3); --cs-accent: rgb(120, 20, 90); }
"""
VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`));
"""


class Host:
    """`with Host(server) as host: host.origin`. Every path is the same page; `site` is the key in its tag."""

    def __init__(self, server: str, site: str = "demo") -> None:
        socket = server.replace("http", "ws", 1)
        policy = (
            f"default-src 'none'; script-src {server}; connect-src {server} {socket}; style-src 'self'; "
            "base-uri 'none'; require-trusted-types-for 'script'"
        )
        page = PAGE.format(server=server, site=site).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                css = self.path == "/site.css"
                self.send_response(200)
                self.send_header("Content-Type", "text/css" if css else "text/html")
                self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(CSS.encode() if css else page)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._http.server_port}"

    async def enter(self, demo: Demo, **options: Any) -> WidgetPage:
        """A visitor comes to the site, in a browser of their own."""
        page = await (await demo.browser.new_context(**options)).new_page()
        demo.watch(page)
        await page.add_init_script(VIOLATIONS)
        await page.goto(self.origin)
        return WidgetPage(page)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()


class WidgetPage:
    """The widget on a page as its visitor handles it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.element = page.locator("chatserver-widget")
        self.launcher = self.element.locator(".launcher")
        self.panel = self.element.locator("[role=dialog]")  # `get_by_role` finds no hidden ones
        self.log = self.panel.get_by_role("log")
        self.input = self.panel.get_by_role("textbox", name="Your message")
        self.answers = self.panel.locator(".answer")
        self.said = self.panel.locator(".own .said")
        self.status = self.panel.locator(".status")

    @property
    def answer(self) -> Locator:
        """The latest one."""
        return self.answers.last

    @property
    def text(self) -> Locator:
        """Of the latest answer."""
        return self.answer.locator(".cs-markdown")

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name)

    async def open(self) -> None:
        await self.launcher.click()
        await expect(self.log).to_be_visible()

    async def ask(self, text: str = "What is a room?") -> None:
        await self.input.fill(text)
        await self.input.press("Enter")

    async def ended(self) -> None:
        await expect(self.answer).to_have_attribute("aria-busy", "false", timeout=30_000)

    async def until(self, condition: str) -> None:
        """`wait_for_function` would evaluate a text in the page, which its policy forbids."""
        async with asyncio.timeout(10):
            while not await self.page.evaluate(condition):
                await asyncio.sleep(0.05)


def plain(text: str) -> str:
    """An answer without the numbers of its sources."""
    return re.sub(r"\s*(\[1\]|\b1\b)\s*", " ", text).strip()


WHOLE = plain(ANSWER)
"""What the model says to everything, as it is read."""
