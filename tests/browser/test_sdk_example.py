"""The example of docs/sdk.md for the web, as it stands there, on a page of another origin."""

from __future__ import annotations

import re

import psycopg
import pytest
from playwright.async_api import expect

from tests.browser.conftest import ANSWER, Demo
from tests.server import ROOT
from tests.small_http import Reply, http_server

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_example_shows_the_answer(demo: Demo) -> None:
    found = re.search(r"```html web\n(.*?)```", (ROOT / "docs/sdk.md").read_text(), re.DOTALL)
    assert found
    assert "https://chat.example.com/" in found[1]
    html = "<!doctype html><title>Example</title><body>" + found[1].replace(
        "https://chat.example.com/", f"{demo.servers[0].http}/"
    )
    page_reply = Reply(html.encode(), headers={"Content-Type": "text/html; charset=utf-8"})
    async with http_server(lambda request: page_reply if request.path == "/" else Reply(status=404)) as host:
        with psycopg.connect(demo.database_url, autocommit=True) as connection:
            connection.execute("UPDATE sites_site SET origins = origins || %s::varchar", [host.url])
        page = await (await demo.browser.new_context()).new_page()
        await page.goto(host.url)
        await expect(page.get_by_text("What is a room?")).to_have_count(1)
        await expect(page.locator("li").last).to_contain_text(ANSWER.strip(), timeout=20_000)
