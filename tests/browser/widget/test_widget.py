"""A visitor's conversations: asking, reading, rating, stopping; and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import time

import jwt
import psycopg
import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import ANSWER, Demo
from tests.browser.widget.host import WHOLE, Host, WidgetPage, plain

pytestmark = pytest.mark.asyncio(loop_scope="session")


# --- a conversation --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("slow_answers")
async def test_a_question_is_answered_with_sources_that_open(widget: WidgetPage) -> None:
    await widget.open()
    await expect(widget.input).to_be_focused()
    await widget.panel.locator(".suggestion").first.click()
    await expect(widget.said).to_have_count(1)
    await expect(widget.button("Stop the answer")).to_be_visible()
    await widget.ended()
    assert plain(await widget.text.inner_text()) == WHOLE
    chip = widget.answer.locator(".cs-chip")
    await expect(chip).to_have_attribute("aria-expanded", "false")
    await chip.click()
    card = widget.answer.locator(".source")
    await expect(card.locator("blockquote")).not_to_be_empty()
    await widget.page.keyboard.press("Escape")
    await expect(card).to_have_count(1)  # the chip has the focus, so Escape closed the panel
    await expect(widget.panel).to_be_hidden()
    await widget.launcher.click()
    await card.get_by_role("button").click()
    await expect(card).to_have_count(0)
    await expect(chip).to_be_focused()


async def test_a_number_in_the_text_opens_its_source_and_gets_the_focus_back(widget: WidgetPage) -> None:
    await widget.open()
    await widget.ask()
    await widget.ended()
    number = widget.text.get_by_role("button", name="Source 1").first
    await number.click()
    card = widget.answer.locator(".source")
    await expect(card).to_be_focused()
    await widget.page.keyboard.press("Escape")
    await expect(card).to_have_count(0)
    await expect(number).to_be_focused()


@pytest.mark.usefixtures("slow_answers")
async def test_a_stopped_answer_keeps_its_text_and_can_be_asked_for_again(widget: WidgetPage) -> None:
    await widget.open()
    await widget.ask()
    await expect(widget.text).to_contain_text("A room is")
    await widget.button("Stop the answer").click()
    await expect(widget.answer).to_contain_text("Stopped.")
    text = plain(await widget.text.inner_text())
    assert WHOLE.startswith(text)
    assert len(text) < len(WHOLE)
    await widget.button("Answer again").click()
    await expect(widget.button("Stop the answer")).to_be_visible()
    await widget.ended()
    assert plain(await widget.text.inner_text()) == WHOLE


async def test_a_rating_with_a_comment_reaches_the_server(demo: Demo, widget: WidgetPage) -> None:
    await widget.open()
    await widget.ask()
    await widget.ended()
    await widget.button("Not helpful").click()
    comment = widget.panel.get_by_role("textbox", name="What should be better? (optional)")
    await expect(comment).to_be_focused()
    await comment.fill("Too many rooms.")
    await comment.press("Enter")
    await expect(comment).to_have_count(0)
    await expect(widget.button("Not helpful")).to_have_attribute("aria-pressed", "true")
    with psycopg.connect(demo.database_url) as connection:
        query = "SELECT score FROM rooms_rating WHERE comment = 'Too many rooms.'"
        assert connection.execute(query).fetchall() == [(-1,)]


async def test_what_is_typed_before_the_server_has_answered_is_kept_and_sent(demo: Demo, host: Host) -> None:
    widget = await host.enter(demo)
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await widget.page.route("**/widget/session", slow)
    await widget.launcher.click()
    await asked.wait()
    await widget.input.press_sequentially("Sent early")
    await widget.input.press("Enter")
    await expect(widget.said).to_have_text("Sent early")
    await widget.input.press_sequentially("and half")
    answered.set()
    await expect(widget.answers).to_have_count(1)
    await expect(widget.input).to_be_focused()
    await widget.input.press_sequentially(" a word")
    await expect(widget.input).to_have_value("and half a word")
    await expect(widget.said).to_have_text("Sent early")


async def test_enter_sends_but_not_while_an_input_method_composes(widget: WidgetPage) -> None:
    await widget.open()
    await widget.input.focus()
    devtools = await widget.page.context.new_cdp_session(widget.page)
    await devtools.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    await widget.page.evaluate(
        """() => document.querySelector("chatserver-widget").shadowRoot.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))"""
    )
    await expect(widget.said).to_have_count(0)
    await devtools.send("Input.insertText", {"text": "你好"})
    await expect(widget.input).to_have_value("你好")
    await widget.input.press("Shift+Enter")
    await widget.input.press("x")
    await widget.input.press("Enter")
    await expect(widget.said).to_have_text("你好\nx")
    await expect(widget.input).to_have_value("")


# --- conversations ---------------------------------------------------------------------------------------------------


async def test_a_new_conversation_begins_and_the_old_one_is_in_the_list(widget: WidgetPage) -> None:
    await widget.open()
    await expect(widget.button("New conversation")).to_be_disabled()
    await widget.ask("The first question")
    await widget.ended()
    await widget.button("New conversation").click()
    await expect(widget.panel.locator(".suggestion").first).to_be_visible()
    await expect(widget.said).to_have_count(0)
    await expect(widget.input).to_be_focused()
    await widget.ask("The second question")
    await widget.ended()
    await widget.button("Your conversations").click()
    listed = widget.panel.locator(".conversation")
    await expect(listed).to_have_count(2)
    await expect(listed.first).to_have_attribute("aria-current", "true")
    await listed.last.click()
    await expect(widget.said).to_have_text("The first question")
    assert plain(await widget.text.inner_text()) == WHOLE


async def test_who_is_signed_in_has_their_own_conversation_everywhere_and_takes_it_along(
    demo: Demo, host: Host
) -> None:
    with psycopg.connect(demo.database_url) as connection:
        row = connection.execute("SELECT secret FROM sites_site WHERE key = 'demo'").fetchone()
    assert row is not None
    token = jwt.encode({"sub": "ann", "name": "Ann", "exp": time.time() + 600}, row[0], "HS256")
    one = await host.enter(demo)
    await one.open()
    await one.ask("Asked before signing in")
    await one.ended()
    await one.page.evaluate("(token) => Chatserver.identify(async () => token)", token)
    await expect(one.said).to_have_text("Asked before signing in")  # the same person: the history stays
    two = await host.enter(demo)
    await two.page.evaluate("(token) => Chatserver.identify(token)", token)
    await two.open()
    await expect(two.said).to_have_text("Asked before signing in")
    await two.page.evaluate("Chatserver.identify(null)")
    await expect(two.panel.locator(".suggestion").first).to_be_visible()
    await expect(two.said).to_have_count(0)
    await two.page.reload()
    await expect(two.panel.locator(".suggestion").first).to_be_visible()
    await expect(two.said).to_have_count(0)


@pytest.mark.usefixtures("slow_answers")
async def test_what_came_while_it_was_closed_is_counted_on_the_launcher_and_told_to_the_page(
    widget: WidgetPage,
) -> None:
    await widget.page.evaluate(
        """() => { window.heard = [];
        for (const name of ["open", "close", "message", "answer", "unread"])
            Chatserver.on(name, (detail) => heard.push([name, detail])); }"""
    )
    await widget.open()
    await widget.ask()
    await expect(widget.text).to_contain_text("A room")
    await widget.page.keyboard.press("Escape")
    await expect(widget.panel).to_be_hidden()
    await expect(widget.launcher).to_be_focused()
    await expect(widget.launcher).to_have_attribute("aria-label", "Chat, 1 unread message", timeout=30_000)
    await widget.until("heard.some(([name]) => name === 'answer')")
    await widget.launcher.click()
    await expect(widget.launcher).to_have_attribute("aria-label", "Close chat")
    await widget.launcher.click()
    await expect(widget.launcher).to_have_attribute("aria-label", "Chat")
    heard = await widget.page.evaluate("heard")
    assert [name for name, _ in heard if name != "unread"] == ["open", "message", "close", "answer", "open", "close"]
    answer = next(detail for name, detail in heard if name == "answer")
    assert answer["text"].strip() == ANSWER.strip()
    assert answer["status"] == "complete"
    assert [detail["count"] for name, detail in heard if name == "unread"][-2:] == [1, 0]


# --- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("slow_answers")
async def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(widget: WidgetPage) -> None:
    await widget.open()
    await widget.ask()
    await expect(widget.text).to_contain_text("A room is")
    await widget.page.reload()
    await expect(widget.panel).to_be_visible()  # it was open
    await expect(widget.button("Stop the answer")).to_be_visible()
    await widget.ended()
    assert plain(await widget.text.inner_text()) == WHOLE
    await expect(widget.said).to_have_count(1)


async def test_what_is_written_without_a_connection_is_sent_once_when_it_is_back(
    demo: Demo, widget: WidgetPage
) -> None:
    await widget.open()
    await expect(widget.panel.locator(".suggestion").first).to_be_visible()
    await widget.page.context.set_offline(True)
    await expect(widget.status).to_contain_text("No connection")
    await widget.ask("Written in a tunnel")
    await expect(widget.panel.get_by_text("Will be sent when the connection is back")).to_be_visible()
    await widget.page.context.set_offline(False)
    await widget.ended()
    await expect(widget.said).to_have_text("Written in a tunnel")
    await expect(widget.status).to_have_count(0)
    demo.problems.clear()  # the browser itself reports each connection that fails
