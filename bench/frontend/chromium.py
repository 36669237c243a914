"""Debian's Chromium, and what it says about a page."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from playwright.async_api import CDPSession, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@asynccontextmanager
async def chromium_page(width: int = 1280, height: int = 800) -> AsyncIterator[Page]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise SystemExit(f"no Chromium here ({', '.join(NAMES)}): run `make browser`")
    async with async_playwright() as playwright:
        # As in the browser tests: the sandbox needs rights that containers do not have.
        browser = await playwright.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu"],
        )
        try:
            yield await browser.new_page(viewport={"width": width, "height": height})
        finally:
            await browser.close()


class Counters:
    """Chromium's counters of a page: CPU seconds of its main thread (`TaskDuration`, `ScriptDuration`, …), `Nodes` …"""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    @classmethod
    async def of(cls, page: Page) -> Self:
        session = await page.context.new_cdp_session(page)
        # CPU time and not time on the clock: other processes do not show in it.
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(session)

    async def read(self) -> dict[str, float]:
        result = await self._session.send("Performance.getMetrics")
        return {metric["name"]: metric["value"] for metric in result["metrics"]}

    async def settled(self) -> dict[str, float]:
        """After garbage was collected."""
        await self._session.send("HeapProfiler.collectGarbage")
        return await self.read()


class Tasks:
    """What the page's main thread ran while it was traced, in milliseconds of CPU time, the longest first."""

    milliseconds: list[float]

    @classmethod
    @asynccontextmanager
    async def of(cls, page: Page) -> AsyncIterator[Self]:
        browser = page.context.browser
        assert browser is not None
        tasks = cls()
        await browser.start_tracing(page=page, categories=["toplevel"])
        yield tasks
        events = json.loads(await browser.stop_tracing())["traceEvents"]
        main = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks.milliseconds = sorted(
            (event["tdur"] / 1000 for event in events if "tdur" in event and (event["pid"], event["tid"]) in main),
            reverse=True,
        )
