"""The page at / in a real browser: what people do first, and what two of them see at once."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ANSWER, Demo

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "What is a room?"


async def ask(page: Page, text: str, label: str = "Message") -> None:
    await page.get_by_role("textbox", name=label).fill(text)
    await page.get_by_role("textbox", name=label).press("Enter")


async def test_two_people_on_two_servers_watch_one_answer(demo: Demo) -> None:
    pages = [await demo.signed_in(0), await demo.signed_in(1)]
    await ask(pages[0], QUESTION)
    for page in pages:
        writing = page.locator("#messages li.live")
        await expect(writing.locator(".text")).to_contain_text("A room is")
        await expect(writing.get_by_role("button", name="Stop")).to_be_visible()
    for page in pages:
        answer = page.locator("#messages li.complete").last
        await expect(answer.locator(".text")).to_have_text(ANSWER.strip())
        await expect(answer.locator(".sources")).to_contain_text("[1]")
        await expect(answer.get_by_role("link", name="[1]").first).to_be_visible()
        await expect(answer.get_by_role("button", name="Stop")).to_be_hidden()


async def test_stop_keeps_what_was_written_and_a_reload_shows_it(demo: Demo) -> None:
    page = await demo.signed_in()
    await ask(page, QUESTION)
    await expect(page.locator("#messages li.live .text")).to_contain_text("A room")
    await page.get_by_role("button", name="Stop").click()
    stopped = page.locator("#messages li.stopped .text")
    await expect(stopped).to_contain_text("A room")
    text = await stopped.inner_text()
    assert text != ANSWER.strip()
    await page.reload()
    await expect(page.locator("#messages li.stopped .text")).to_have_text(text)
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def test_a_visitor_asks_in_chinese_on_a_phone(demo: Demo) -> None:
    page = await demo.page(viewport={"width": 390, "height": 760}, locale="zh-CN")
    await page.get_by_role("button", name="以访客身份进入").click()
    await ask(page, "什么是房间？", "消息")  # at once: before there is a room
    answer = page.locator("#messages li.complete").last
    await expect(answer.locator(".text")).to_contain_text("the assistant talk")
    await expect(answer.locator(".sources")).to_contain_text("[1]")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is cut off"


async def test_a_wrong_password_says_so(demo: Demo) -> None:
    page = await demo.page()
    await page.get_by_label("User name").fill("demo")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text(re.compile(r"\w+"))
    demo.problems.clear()  # the browser itself reports the 401
