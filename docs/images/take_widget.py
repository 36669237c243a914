"""Take the pictures of the widget: `take_widget.py URL_OF_HOST_PAGE OUTDIR`.

The page may be any that has the widget, such as the demo site that `manage.py serve` runs. Debian's Chromium is needed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

DESK = {"width": 1280, "height": 800}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
# Some of the texts, enough for a picture; docs/widget.md tells how a page brings its own language.
ARABIC = {
    "launcher": "محادثة",
    "launcherClose": "إغلاق المحادثة",
    "byAssistant": "إجابات من وثائقنا",
    "placeholder": "اكتب سؤالك…",
    "label": "رسالتك",
    "send": "إرسال",
}
# The tag is read when its script runs, which is after the document was parsed as far as the tag.
TAG = """(attributes) => new MutationObserver(() => {
  for (const tag of document.querySelectorAll("script[data-site]")) Object.assign(tag.dataset, attributes);
}).observe(document, { childList: true, subtree: true })"""


class Camera:
    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self._browser, self._address, self._folder = browser, address, folder

    async def page(self, attributes: Mapping[str, str] | None = None, **options: Any) -> Page:
        """The host page in a browser profile of its own, with more attributes on the widget's tag."""
        context = await self._browser.new_context(**{"viewport": DESK, **options})
        page = await context.new_page()
        await page.add_init_script(f"({TAG})({json.dumps(attributes or {})})")
        await page.route("**/arabic.json", lambda route: route.fulfill(body=json.dumps({"ar": ARABIC})))
        await page.goto(self._address)
        await page.locator("chatserver-widget .launcher").wait_for()
        return page

    async def take(self, page: Page, name: str) -> None:
        # Everything that moves has come to rest.
        await page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
        await page.wait_for_timeout(400)
        await page.screenshot(path=self._folder / f"widget-{name}.png")


async def open_panel(page: Page) -> None:
    await page.locator("chatserver-widget .launcher").click()
    await page.locator("chatserver-widget .suggestion, chatserver-widget .entry").first.wait_for()


async def ask(page: Page, number: int = 0) -> None:
    """One of the questions that the site suggests."""
    await page.locator("chatserver-widget .suggestion").nth(number).click()


async def answered(page: Page) -> None:
    await page.locator("chatserver-widget .cs-chip").first.wait_for(timeout=60_000)


async def desk(camera: Camera) -> None:
    page = await camera.page()
    await camera.take(page, "launcher")
    await open_panel(page)
    await camera.take(page, "greeting")
    await ask(page)
    await page.locator("chatserver-widget .cs-markdown p").first.wait_for(timeout=60_000)
    await camera.take(page, "streaming")
    await answered(page)
    await camera.take(page, "answer")
    await page.locator("chatserver-widget .cs-chip").first.click()
    await camera.take(page, "source")
    await page.get_by_role("button", name="Not helpful").click()
    await camera.take(page, "feedback")
    await page.get_by_role("button", name="New conversation").click()
    await page.locator("chatserver-widget .suggestion").first.wait_for()
    await ask(page, 1)
    await answered(page)
    await page.get_by_role("button", name="Your conversations").click()
    await camera.take(page, "history")
    await page.get_by_role("button", name="Back to the chat").click()
    await page.context.set_offline(True)
    await page.evaluate("dispatchEvent(new Event('online'))")  # it looks at once whether the connection lives
    await page.locator("chatserver-widget .status").wait_for(timeout=60_000)
    await page.locator("chatserver-widget .composer textarea").fill("And how long does that take?")
    await page.locator("chatserver-widget .send").click()
    await camera.take(page, "offline")
    await page.context.close()


async def others(camera: Camera) -> None:
    looks: list[tuple[str, dict[str, str], dict[str, Any]]] = [
        ("dark", {"theme": "auto"}, {"color_scheme": "dark"}),
        ("zh", {"locale": "zh-CN"}, {}),
        ("rtl", {"locale": "ar", "texts": "arabic.json"}, {"bypass_csp": True}),
        ("phone", {}, PHONE),
        ("phone-dark", {"theme": "auto"}, {**PHONE, "color_scheme": "dark"}),
    ]
    for name, attributes, options in looks:
        page = await camera.page(attributes, **options)
        await open_panel(page)
        await camera.take(page, f"{name}-greeting")
        await ask(page)
        await answered(page)
        await page.locator("chatserver-widget .cs-chip").first.click()
        await camera.take(page, name)
        await page.context.close()


async def main(address: str, folder: Path) -> None:
    async with async_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        camera = Camera(browser, address, folder)
        await desk(camera)
        await others(camera)
        await browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], target))
