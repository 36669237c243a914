"""The start page in a real browser, and the rooms app as its service worker keeps it."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import expect

from tests.browser.axe import findings
from tests.browser.conftest import Demo

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_start_page_can_be_read_by_everybody(
    demo: Demo, scheme: Literal["light", "dark"], width: int
) -> None:
    page = await demo.page("/", color_scheme=scheme, viewport={"width": width, "height": 800})
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("scripted")).to_be_visible()
    assert await findings(page, "start page") == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"


async def test_the_language_is_switched_and_stays(demo: Demo) -> None:
    page = await demo.page("/", locale="en-GB")
    await page.get_by_role("link", name="中文").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("文档")
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    await page.goto(demo.servers[0].http)
    await expect(page.get_by_role("link", name="中文")).to_have_attribute("aria-current", "true")
    await page.get_by_role("link", name="English").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("documents")


async def test_the_start_page_leads_into_the_rooms(demo: Demo) -> None:
    page = await demo.page("/")
    card = page.locator(".ways .first")
    await card.click(position={"x": 5, "y": 5})  # all of the card is the link
    await page.get_by_label("User name").wait_for()
    assert page.url.endswith("/app/")


async def test_the_app_opens_without_a_network_and_old_caches_go(demo: Demo) -> None:
    page = await demo.page("/")
    await page.evaluate(
        "Promise.all([caches.open('chatserver-app:old'), caches.open('not-ours')]).then(() => undefined)"
    )
    await page.goto(f"{demo.servers[0].http}/app/")
    await page.evaluate(
        """new Promise((done) => {
          const { serviceWorker } = navigator;
          if (serviceWorker.controller) done();
          serviceWorker.addEventListener("controllerchange", () => done(), { once: true });
        })"""
    )
    names = await page.evaluate("caches.keys()")
    assert "not-ours" in names
    assert "chatserver-app:old" not in names
    assert len(names) == 2
    kept = await page.evaluate(
        """async () => {
          const names = (await caches.keys()).filter((name) => /^chatserver-app:[0-9a-f]{12}$/.test(name));
          const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
          return requests.flat().map((request) => new URL(request.url).pathname);
        }"""
    )
    assert "/app/" in kept
    assert not [path for path in kept if path.startswith(("/api", "/ws", "/admin"))]

    await page.context.set_offline(True)
    await page.goto(f"{demo.servers[0].http}/app/r/01932b5e-0000-7000-8000-000000000001")
    await expect(page.locator("html")).to_have_attribute("data-signed-in", "")
    await expect(page.locator("#app .shell")).to_have_count(0)  # the script ran, out of the cache
    await page.close()
    demo.problems.clear()  # the browser itself reports what it cannot reach
