"""Chromium, and a demo like the one that `make run` makes, with a scripted model behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from chatserver.providers.scripted import ScriptedServer, pieces
from chatserver.serving.embedded import Engines
from tests.browser.rooms import Rooms
from tests.conftest import fresh_database, set_up_django
from tests.server import ROOT, Server

# Its citation stays whatever the documents are: the sentence it stands in claims nothing that one could look up.
ANSWER = "A room is where people and the assistant talk. That is it. [1] " * 6
PASSWORD = "correct horse"
FAST, SLOW = 300, 15
"""Words per second: for what comes after an answer, and for what happens in the middle of one."""
expect.set_options(timeout=30_000)  # a deadline for a slow machine; what is there is seen at once
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    set_up_django()  # sessions are made as Django makes them


@dataclass
class Demo:
    """Two servers on one demo, with one scripted model; pages, and what goes wrong in them."""

    servers: tuple[Server, Server]
    upstream: ScriptedServer
    database_url: str
    browser: Browser
    problems: list[str] = field(default_factory=list)

    async def page(self, path: str = "/", number: int = 0, **options: Any) -> Page:
        """A page of a server, in a browser profile of its own."""
        page = await (await self.browser.new_context(**options)).new_page()
        self.watch(page)
        await page.goto(f"{self.servers[number].http}{path}")
        return page

    def watch(self, page: Page) -> None:
        """Every script error and every complaint in the console is a problem of the test."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location['url']})")

    async def signed_in(self, number: int = 0, **options: Any) -> Rooms:
        """The rooms app, as the user `demo`."""
        page = await self.page("/app/", number, **options)
        await page.locator("input[name=username]").fill("demo")
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.locator("input[name=password]").press("Enter")
        await page.locator(".room-list").wait_for()
        return Rooms(page)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium: Playwright's own download would need the network."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"no Chromium here ({', '.join(NAMES)}): run `make browser`"
    async with async_playwright() as playwright:
        # The sandbox needs rights that containers and root do not have; only our own pages are opened.
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(
    engines: Engines, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Server, Server, ScriptedServer, str]]:
    with fresh_database(engines, template_database) as url:
        environ = {
            "DATABASE_URL": url,
            "REDIS_URL": f"{engines.redis_url}?db=0",
            "DATA_DIR": str(tmp_path_factory.mktemp("browser")),
            "DEMO_PASSWORD": PASSWORD,
        }
        subprocess.run(
            [sys.executable, "manage.py", "demo"],
            cwd=ROOT,
            env=os.environ | environ,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        async with ScriptedServer(text=ANSWER, first_token=0.05) as upstream:
            environ |= {"LLM_BASE_URL": upstream.base_url, "LLM_MODEL": "scripted"}
            async with Server(environ) as one, Server(environ) as two:
                with psycopg.connect(url, autocommit=True) as connection:
                    # As `manage.py serve` does for its port.
                    connection.execute("UPDATE sites_site SET origins = %s", [[one.http, two.http]])
                yield one, two, upstream, url


@pytest_asyncio.fixture(loop_scope="session")
async def demo(servers: tuple[Server, Server, ScriptedServer, str], browser: Browser) -> AsyncIterator[Demo]:
    one, two, upstream, url = servers
    upstream.pieces, upstream.rate = pieces(ANSWER), FAST
    demo = Demo((one, two), upstream, url, browser)
    yield demo
    for context in browser.contexts:
        await context.close()
    assert demo.problems == []


@pytest.fixture
def slow_answers(demo: Demo) -> None:
    """For tests that do something while an answer is being written."""
    demo.upstream.rate = SLOW
