"""The widget on other people's pages: another origin, a strict policy, hostile style, navigations, losses."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.browser.conftest import ANSWER, Demo
from tests.browser.widget_host import VIOLATIONS, Host, WidgetPage

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = "frontend/node_modules/axe-core/axe.min.js"
WHOLE = re.sub(r"\s*\[1\]\s*", " ", ANSWER).strip()
SERIOUS = {"serious", "critical"}


@pytest.fixture
def host(demo: Demo) -> Iterator[Host]:
    """A site whose origin the demo's site lists."""
    with Host(demo.servers[0].http) as host, psycopg.connect(demo.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE sites_site SET origins = array_append(origins, %s) WHERE key = 'demo'", [host.origin]
        )
        yield host
        connection.execute(
            "UPDATE sites_site SET origins = array_remove(origins, %s) WHERE key = 'demo'", [host.origin]
        )


async def enter(demo: Demo, host: Host, context: BrowserContext | None = None, **options: Any) -> WidgetPage:
    """A visitor comes to the site; in a browser of their own unless `context` is given."""
    context = context or await demo.browser.new_context(**options)
    page = await context.new_page()
    demo.watch(page)
    await page.add_init_script(VIOLATIONS)
    await page.goto(host.origin)
    return WidgetPage(page)


@pytest_asyncio.fixture(loop_scope="session")
async def widget(demo: Demo, host: Host) -> AsyncIterator[WidgetPage]:
    widget = await enter(demo, host)
    yield widget
    await widget.unbroken()


def plain(text: str) -> str:
    """Without the numbers of sources."""
    return re.sub(r"\s*\b1\b\s*", " ", text).strip()


# --- a conversation --------------------------------------------------------------------------------------------------


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
    one = await enter(demo, host)
    await one.open()
    await one.ask("Asked before signing in")
    await one.ended()
    await one.page.evaluate("(token) => Chatserver.identify(async () => token)", token)
    await expect(one.said).to_have_text("Asked before signing in")  # the same person: the history stays
    two = await enter(demo, host)
    await two.page.evaluate("(token) => Chatserver.identify(token)", token)
    await two.open()
    await expect(two.said).to_have_text("Asked before signing in")
    await two.page.evaluate("Chatserver.identify(null)")
    await expect(two.panel.locator(".suggestion").first).to_be_visible()
    await expect(two.said).to_have_count(0)
    await two.page.reload()
    await expect(two.panel.locator(".suggestion").first).to_be_visible()
    await expect(two.said).to_have_count(0)


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
    await widget.page.evaluate("dispatchEvent(new Event('online'))")  # makes it look whether the connection lives
    await expect(widget.status).to_contain_text("No connection", timeout=30_000)
    await widget.ask("Written in a tunnel")
    await expect(widget.panel.get_by_text("Will be sent when the connection is back")).to_be_visible()
    await widget.page.context.set_offline(False)
    await widget.ended()
    await expect(widget.said).to_have_text("Written in a tunnel")
    await expect(widget.status).to_have_count(0)
    demo.problems.clear()  # the browser itself reports each connection that fails


# --- other people's pages --------------------------------------------------------------------------------------------


async def test_a_page_of_an_origin_that_is_not_listed_gets_one_line_and_nothing_else(demo: Demo) -> None:
    lines: list[str] = []
    with Host(demo.servers[0].http) as stranger:
        page = await (await demo.browser.new_context()).new_page()
        async with page.expect_console_message(lambda message: "Chatserver" in message.text) as found:
            page.on("console", lambda message: lines.append(message.text))
            await page.goto(stranger.origin)
        text = (await found.value).text
        assert "does not list the page's origin" in text
        assert stranger.origin in text
        assert f"{demo.servers[0].http}/admin/" in text
        await page.evaluate("Chatserver.open()")
        await expect(page.locator("chatserver-widget")).to_have_count(0)
        # The other line is Chromium's own, about the status 403.
        assert [line for line in lines if "Failed to load resource" not in line] == [text]


async def test_the_pages_style_does_not_reach_in_and_nothing_leaks_out(widget: WidgetPage) -> None:
    before = await widget.page.evaluate("Object.keys(window)")
    assert [name for name in before if "chat" in name.lower()] == ["Chatserver"]
    await widget.open()
    assert await widget.page.evaluate("Object.keys(window)") == before
    look = await widget.input.evaluate("(input) => ({ ...getComputedStyle(input) })")
    assert look["display"] == "block"
    assert "fantasy" not in look["fontFamily"]
    assert look["fontSize"] != "40px"
    look = await widget.element.evaluate("(element) => ({ ...getComputedStyle(element) })")
    assert (look["position"], look["transform"], look["width"]) == ("fixed", "none", "0px")
    # What the page may change: custom properties; what is written on them follows.
    colours = (
        "(button) => { const { color, backgroundColor } = getComputedStyle(button); return [color, backgroundColor] }"
    )
    colour, ground = await widget.launcher.evaluate(colours)
    assert ground == "rgb(120, 20, 90)"
    assert colour == "color(srgb-linear 1 1 1)"


# As Turbo does it: a new body in place of the old one, with the script tag in it once more.
NAVIGATE = """() => new Promise((done) => {
    const widget = document.querySelector("chatserver-widget");
    const body = document.createElement("body");
    body.append(...[...document.body.childNodes].filter((node) => node !== widget).map((node) => node.cloneNode(true)));
    const old = body.querySelector("script[data-site]");
    const tag = document.createElement("script");
    window.policy ??= trustedTypes.createPolicy("shop", { createScriptURL: (url) => url });
    tag.dataset.site = old.dataset.site;
    tag.src = policy.createScriptURL(old.src);
    tag.addEventListener("load", done);
    old.replaceWith(tag);
    document.documentElement.replaceChild(body, document.body);
})"""


async def held(widget: WidgetPage) -> dict[str, int]:
    """How many nodes and listeners the page keeps alive."""
    devtools = await widget.page.context.new_cdp_session(widget.page)
    await devtools.send("Performance.enable")
    await devtools.send("HeapProfiler.collectGarbage")
    metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
    await devtools.detach()
    return {one["name"]: one["value"] for one in metrics if one["name"] in ("Nodes", "JSEventListeners")}


async def test_it_survives_the_pages_navigation_and_leaves_nothing_behind(widget: WidgetPage) -> None:
    await widget.open()
    await widget.ask()
    await expect(widget.text).to_contain_text("A room")
    await widget.page.evaluate("window.first = document.querySelector('chatserver-widget')")
    await widget.page.evaluate(NAVIGATE)
    assert await widget.page.evaluate("document.querySelector('chatserver-widget') === first")
    await expect(widget.panel).to_be_visible()
    await widget.ended()
    assert plain(await widget.text.inner_text()) == WHOLE
    before = await held(widget)
    for _ in range(20):
        await widget.page.evaluate(NAVIGATE)
        await expect(widget.element).to_have_count(1)
    after = await held(widget)
    # One element more each time would be hundreds of nodes.
    assert after["Nodes"] - before["Nodes"] < 20
    assert after["JSEventListeners"] - before["JSEventListeners"] < 5
    end = "(log) => Math.abs(log.scrollHeight - log.scrollTop - log.clientHeight) < 2"
    await widget.until(f"({end})(first.shadowRoot.querySelector('.log'))")
    await widget.ask("Still there?")
    await widget.ended()
    await expect(widget.said).to_have_count(2)


async def test_a_phone_shows_it_over_the_whole_screen_and_keeps_the_page_still(demo: Demo, host: Host) -> None:
    screen = {"width": 390, "height": 844}
    widget = await enter(demo, host, viewport=screen, has_touch=True, is_mobile=True)
    await widget.open()
    assert await widget.panel.bounding_box() == {"x": 0, "y": 0, **screen}
    await expect(widget.panel).to_have_attribute("aria-modal", "true")
    await expect(widget.launcher).to_be_hidden()
    assert await widget.page.evaluate("getComputedStyle(document.documentElement).overflow") == "hidden"
    size = await widget.input.evaluate("(input) => parseFloat(getComputedStyle(input).fontSize)")
    assert size >= 16  # below, iOS zooms in
    await widget.button("Close chat").click()
    await expect(widget.launcher).to_be_focused()
    assert await widget.page.evaluate("getComputedStyle(document.documentElement).overflow") == "visible"


# --- without a mouse, without eyes -----------------------------------------------------------------------------------


async def test_all_of_it_can_be_used_by_keyboard(widget: WidgetPage) -> None:
    page = widget.page
    await expect(widget.launcher).to_be_visible()
    await page.locator("#own").focus()
    await page.keyboard.press("Tab")
    await expect(widget.launcher).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(widget.input).to_be_focused()
    await page.keyboard.type("What is a room?")
    await page.keyboard.press("Enter")
    await widget.ended()
    await expect(widget.text.get_by_role("button", name="Source 1")).to_have_count(6)
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Shift+Tab")
        reached.add(
            await page.evaluate(
                """() => { const { activeElement } = document.querySelector("chatserver-widget").shadowRoot;
                return activeElement && (activeElement.getAttribute("aria-label") ?? activeElement.textContent); }"""
            )
        )
    wanted = {
        "Your conversations",
        "New conversation",
        "Close chat",
        "Messages",
        "Copy",
        "Helpful",
        "Answer again",
        "Source 1",
    }
    assert wanted <= reached, sorted(map(str, reached))


async def test_an_answer_is_read_out_whole_and_once(widget: WidgetPage) -> None:
    await widget.open()
    await widget.page.evaluate(
        """() => { window.spoken = [];
        const region = document.querySelector("chatserver-widget").shadowRoot.querySelector("[aria-live=polite]");
        new MutationObserver(() => spoken.push(region.textContent)).observe(region, { childList: true }); }"""
    )
    await widget.ask()
    await widget.ended()
    await widget.until("spoken.at(-1)?.includes('1 source')")
    spoken = await widget.page.evaluate("spoken")
    assert spoken == ["Writing…", f"Assistant: {WHOLE} 1 source."]
    await expect(widget.log).to_have_attribute("aria-live", "off")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(demo: Demo, host: Host, scheme: Any) -> None:
    widget = await enter(demo, host, color_scheme=scheme, reduced_motion="reduce")
    with open(AXE, encoding="utf-8") as file:
        await widget.page.evaluate(file.read())

    async def check(state: str) -> None:
        found = await widget.page.evaluate("axe.run(document.querySelector('chatserver-widget'))")
        assert found["passes"], state
        serious = [one for one in found["violations"] if one["impact"] in SERIOUS]
        assert serious == [], state

    await expect(widget.launcher).to_be_visible()
    await check("launcher")
    await widget.open()
    await expect(widget.panel.locator(".suggestion").first).to_be_visible()
    await check("greeting")
    await widget.ask()
    await expect(widget.text).to_contain_text("A room")
    await check("streaming")
    await widget.ended()
    await widget.answer.locator(".cs-chip").click()
    await widget.button("Not helpful").click()
    await check("source and comment")
    await widget.button("Your conversations").click()
    await check("conversations")
