"""The rooms app in a real browser: what two people see at once, and what one does with an answer."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import ANSWER, Demo

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "What is a room?"
PLAIN = re.sub(r"\[(\d)\]", r"\1", ANSWER).strip()
"""As it reads once its citations are buttons."""


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("slow_answers")
async def test_two_windows_on_two_servers_watch_one_answer(demo: Demo) -> None:
    one, two = await demo.signed_in(0), await demo.signed_in(1)
    await one.create("Two windows")
    await two.open("Two windows")
    await one.ask(QUESTION)
    for window in (one, two):
        await expect(window.answer.locator(".answer-text")).to_contain_text("A room is")
        await expect(window.answer).to_have_attribute("data-status", "pending")
        await expect(window.answer.get_by_role("button", name="Stop the answer")).to_be_visible()
        await expect(window.answer.get_by_text("for Demo")).to_be_visible()
    for window in (one, two):
        await window.ended()
        assert flat(await window.text()) == flat(PLAIN)
        await expect(
            window.answer.get_by_role("button", name=re.compile("source", re.IGNORECASE)).first
        ).to_be_visible()
        await expect(window.answer.get_by_role("button", name="Stop the answer")).to_be_hidden()


@pytest.mark.usefixtures("slow_answers")
async def test_stop_keeps_what_was_written_and_another_attempt_completes_it(demo: Demo) -> None:
    rooms = await demo.signed_in()
    await rooms.create("Stopped")
    await rooms.ask(QUESTION)
    await expect(rooms.answer.locator(".answer-text")).to_contain_text("A room")
    await rooms.answer.get_by_role("button", name="Stop the answer").click()
    await rooms.ended("stopped")
    text = flat(await rooms.text())
    assert text
    assert text != flat(PLAIN)
    assert flat(PLAIN).startswith(text)
    await rooms.page.reload()
    await rooms.ended("stopped")
    assert flat(await rooms.text()) == text
    await rooms.answer.get_by_role("button", name="Answer again").click()
    await rooms.ended()
    assert flat(await rooms.text()) == flat(PLAIN)


async def test_a_source_opens_with_its_passage_in_context(demo: Demo) -> None:
    rooms = await demo.signed_in()
    await rooms.create("Sources")
    await rooms.ask(QUESTION)
    await rooms.ended()
    await rooms.answer.locator(".answer-text .citation").first.click()
    panel = rooms.page.get_by_role("complementary").filter(has_text="Source 1")
    await expect(panel.locator("mark")).to_be_visible()
    assert flat(await panel.locator("mark").inner_text())
    await expect(panel.get_by_role("link").first).to_be_visible()
    await rooms.page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()


async def test_enter_does_not_send_while_an_input_method_composes(demo: Demo) -> None:
    rooms = await demo.signed_in(locale="zh-CN")
    await rooms.create("输入法")
    await rooms.composer.focus()
    session = await rooms.page.context.new_cdp_session(rooms.page)
    await session.send("Input.imeSetComposition", {"text": "fangjian", "selectionStart": 8, "selectionEnd": 8})
    await expect(rooms.composer).to_have_value("fangjian")
    # What a browser tells of Enter while it belongs to the input method.
    for kind in ("rawKeyDown", "keyUp"):
        await session.send(
            "Input.dispatchKeyEvent", {"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        )
    await expect(rooms.composer).to_have_value("fangjian")
    await expect(rooms.said).to_have_count(0)
    await session.send("Input.insertText", {"text": "房间是什么？"})
    await expect(rooms.composer).to_have_value("房间是什么？")
    await rooms.composer.press("Enter")
    await expect(rooms.said).to_have_count(1)
    await expect(rooms.said).to_contain_text("房间是什么？")
    await rooms.ended()


async def test_messages_are_edited_replied_to_and_deleted(demo: Demo) -> None:
    one, two = await demo.signed_in(0), await demo.signed_in(1)
    await one.create("Changes")
    await two.open("Changes")
    await one.ask("Frist message")
    await one.ended()
    await one.composer.press("ArrowUp")
    editor = one.page.get_by_label("Edit the message")
    await editor.fill("First message")
    await editor.press("Enter")
    for window in (one, two):
        await expect(window.said.first).to_contain_text("First message")
        await expect(window.said.first).to_contain_text("edited")
    await two.said.first.hover()
    await two.said.first.get_by_role("button", name="Reply").click()
    await two.ask("A reply")
    await expect(one.said.last).to_contain_text("First message")
    await expect(one.said.last).to_contain_text("A reply")
    await two.ended()
    await one.said.first.hover()
    await one.said.first.get_by_role("button", name="Actions for the message of Demo").click()
    await one.page.get_by_role("menuitem", name="Delete").click()
    await one.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for window in (one, two):
        await expect(window.page.get_by_text("This message was deleted.").first).to_be_visible()
        await expect(window.page.get_by_text("First message")).to_have_count(0)


async def test_a_room_is_created_renamed_and_left_by_hand(demo: Demo) -> None:
    rooms = await demo.signed_in()
    page = rooms.page
    await page.get_by_role("button", name="New room").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name of the room").fill("By hand")
    await dialog.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("heading", name="By hand")).to_be_visible()
    await page.get_by_role("button", name="Room menu").click()
    await page.get_by_role("menuitem", name="Rename").click()
    await dialog.get_by_label("Name of the room").fill("Renamed")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Renamed")).to_be_visible()
    await page.get_by_role("button", name="Room menu").click()
    await page.get_by_role("menuitem", name="Delete the room").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page.locator(".room-list").get_by_text("Renamed")).to_have_count(0)


async def test_a_phone_shows_the_list_or_the_room_and_cuts_nothing_off(demo: Demo) -> None:
    rooms = await demo.signed_in(viewport={"width": 390, "height": 760}, has_touch=True, locale="zh-CN")
    await rooms.create("手机")
    await expect(rooms.page.locator(".room-list")).to_be_hidden()
    await rooms.ask("什么是房间？")
    await rooms.ended()
    assert await rooms.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await rooms.page.get_by_role("button", name="返回").or_(rooms.page.get_by_role("link", name="返回")).first.click()
    await expect(rooms.page.locator(".room-list")).to_be_visible()


async def test_a_wrong_password_says_so(demo: Demo) -> None:
    page = await demo.page("/app/")
    await page.get_by_label("User name").fill("demo")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("do not fit together")
    demo.problems.clear()  # the browser itself reports the 401
