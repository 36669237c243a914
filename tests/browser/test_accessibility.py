"""axe-core over the states of the rooms app, in both colour schemes: nothing serious."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import expect

from tests.browser.axe import findings
from tests.browser.conftest import Demo

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.usefixtures("slow_answers")
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_no_state_has_a_serious_finding(demo: Demo, scheme: Literal["light", "dark"], width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "reduced_motion": "reduce"}
    found: list[str] = []
    page = await demo.page("/app/", **options)
    await page.get_by_label("User name").wait_for()
    found += await findings(page, "sign-in")

    rooms = await demo.signed_in(**options)
    page = rooms.page
    found += await findings(page, "list of rooms")
    await rooms.create(f"Accessible {scheme} {width}")
    found += await findings(page, "empty room")
    await rooms.ask("What is a room?")
    await expect(rooms.answer.locator(".answer-text")).to_contain_text("A room is")
    found += await findings(page, "answer being written")
    await rooms.ended()
    found += await findings(page, "answer with sources")
    await rooms.answer.locator(".answer-text .citation").first.click()
    await page.locator("mark").wait_for()
    found += await findings(page, "source panel")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Members").first.click()
    found += await findings(page, "members")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Room menu").click()
    found += await findings(page, "room menu")
    await page.get_by_role("menuitem", name="Invite people").click()
    await page.get_by_role("dialog").wait_for()
    found += await findings(page, "invite dialog")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
async def test_nothing_that_opens_has_a_serious_finding(
    demo: Demo, scheme: Literal["light", "dark"], width: int
) -> None:
    rooms = await demo.signed_in(color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page, found = rooms.page, list[str]()

    async def look(state: str) -> None:
        found.extend(await findings(page, state))

    await page.get_by_role("searchbox").fill("no such room")
    await look("search without a match")
    await page.get_by_role("searchbox").fill("")
    await page.get_by_role("button", name="Account and settings").click()
    await look("settings")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New room").click()
    await look("new room")
    await page.keyboard.press("Escape")
    await rooms.create(f"Opened {scheme} {width}")
    await rooms.ask("What is a room?")
    await rooms.ended()
    await page.get_by_role("button", name="When the assistant answers").click()
    await look("policy")
    await page.keyboard.press("Escape")
    await rooms.answer.get_by_role("button", name="Bad answer").click()
    await page.get_by_role("textbox", name="What was good or bad").wait_for()
    await look("comment on an answer")
    await rooms.said.first.hover()
    await rooms.said.first.get_by_role("button", name="Actions for the message").click()
    await look("menu of a message")
    await page.get_by_role("menuitem", name="Edit").click()
    await look("editing")
    await page.keyboard.press("Escape")
    await rooms.composer.press_sequentially("@")
    await page.get_by_role("listbox").wait_for()
    await look("mentions")
    await page.keyboard.press("Escape")
    await rooms.composer.fill("")
    await rooms.said.first.get_by_role("button", name="Actions for the message").click()
    await page.get_by_role("menuitem", name="Reply").click()
    await look("replying")
    await rooms.said.first.get_by_role("button", name="Actions for the message").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await page.get_by_role("dialog").wait_for()
    await look("deleting")
    await page.keyboard.press("Escape")
    await page.context.set_offline(True)
    await expect(page.locator(".connection")).to_contain_text("You are offline.")
    await rooms.ask("Written offline")
    await expect(rooms.said.last).to_contain_text("Waits for the connection")
    await look("offline")
    await page.context.set_offline(False)
    await page.goto(f"{demo.servers[0].http}/app/r/01a1fdcf-de44-76b3-89c8-000000000000")
    await page.get_by_role("heading", name="This room is not there").wait_for()
    await look("a room that is not there")
    assert not found, "\n".join(found)
    demo.problems.clear()  # the browser itself reports each connection that fails


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_the_start_page_has_no_serious_finding(demo: Demo, language: str) -> None:
    found: list[str] = []
    for scheme in ("light", "dark"):
        page = await demo.page("/", locale=language, color_scheme=scheme)
        found += await findings(page, f"start page in {language}, {scheme}")
    assert not found, "\n".join(found)
