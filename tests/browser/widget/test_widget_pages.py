"""The widget on other people's pages: strict policies, hostile style, navigations, phones; by keyboard and by ear."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Demo
from tests.browser.widget.host import WHOLE, Host, WidgetPage, plain

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = "frontend/node_modules/axe-core/axe.min.js"
SERIOUS = {"serious", "critical"}


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
    widget = await host.enter(demo, viewport=screen, has_touch=True, is_mobile=True)
    await widget.open()
    await widget.panel.evaluate("(panel) => Promise.all(panel.getAnimations().map(({ finished }) => finished))")
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


@pytest.mark.usefixtures("slow_answers")
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


@pytest.mark.usefixtures("slow_answers")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(demo: Demo, host: Host, scheme: Any) -> None:
    widget = await host.enter(demo, color_scheme=scheme, reduced_motion="reduce")
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
