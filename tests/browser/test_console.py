"""The console against a real server with a worker: documents in, answers from them, documents out."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FileChooser, expect

from chatserver.serving.embedded import Engines
from tests.api import DEADLINE
from tests.browser.axe import findings
from tests.browser.console import READY, Managed, managed_site
from tests.conftest import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="session")

FERRIES = f"""# Ferries

## Night ferry

The night ferry to Vadstena leaves at 23:40 from pier seven.

## Animals

{"Dogs, cats and parrots travel free of charge on the car deck, on a lead or in a basket. " * 12}

Horses pay as much as a car.
"""
"""Of more than one passage."""

DRAG = """(element, [name, types]) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["# Lighthouse\\n\\nThe lighthouse is 41 metres high.\\n"], name));
  const rest = { bubbles: true, cancelable: true, dataTransfer };
  for (const type of types) element.dispatchEvent(new DragEvent(type, rest));
}"""


@pytest.fixture(scope="module")
def module_database(engines: Engines, template_database: str) -> Iterator[str]:
    with fresh_database(engines, template_database) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(
    engines: Engines, module_database: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Managed]:
    folder = tmp_path_factory.mktemp("console")
    async with managed_site(module_database, f"{engines.redis_url}?db=0", folder, browser) as managed:
        yield managed


@pytest_asyncio.fixture(loop_scope="session")
async def managed(running: Managed) -> AsyncIterator[Managed]:
    running.problems.clear()
    yield running
    for context in running.browser.contexts:
        await context.close()
    assert running.problems == []


async def test_a_document_from_its_upload_to_its_deletion(managed: Managed) -> None:
    console = await managed.console()
    page = console.page
    await expect(page.get_by_role("heading", name="Give the assistant something to read")).to_be_visible()
    # What is on its way is to be seen however fast the worker is.
    os.killpg(managed.worker.pid, signal.SIGSTOP)
    try:
        await console.upload("ferries.md", FERRIES)
        await expect(console.document("ferries.md")).to_have_attribute("data-status", "queued")
    finally:
        os.killpg(managed.worker.pid, signal.SIGCONT)
    await console.ready("Ferries")
    await expect(page.get_by_text("Found by words alone")).to_be_visible()

    rooms = await managed.room("Travel")
    question = "When does the night ferry to Vadstena leave?"
    await rooms.ask(question)
    await rooms.ended()
    assert "23:40" in await rooms.text()
    await rooms.answer.locator(".answer-text .citation").first.click()
    passage = rooms.page.locator(".passage")
    await expect(passage.locator("mark")).to_contain_text("leaves at 23:40 from pier seven")
    await expect(passage).to_contain_text("Horses pay")  # the text around it
    await expect(passage.locator("mark")).not_to_contain_text("Horses pay")

    await console.menu("Ferries", "Delete")
    await expect(console.dialog).to_contain_text("The assistant stops using “Ferries” at once.")
    await console.dialog.get_by_role("button", name="Delete").click()
    await expect(console.document("Ferries")).to_have_count(0)
    await rooms.ask(question)
    await expect(rooms.answers).to_have_count(2)
    await rooms.ended()
    assert "23:40" not in await rooms.text()
    await expect(rooms.answer.locator(".cs-chip")).to_have_count(0)


async def test_files_are_dropped_anywhere(managed: Managed) -> None:
    console = await managed.console()
    anywhere = console.page.get_by_role("navigation")
    await anywhere.evaluate(DRAG, ["lighthouse.md", ["dragenter", "dragover"]])
    await expect(console.page.get_by_text("Drop files to upload them")).to_be_visible()
    await anywhere.evaluate(DRAG, ["lighthouse.md", ["drop"]])
    await expect(console.page.get_by_text("Drop files to upload them")).to_have_count(0)
    await console.ready("Lighthouse")
    await anywhere.evaluate(DRAG, ["copy.md", ["dragenter", "dragover", "drop"]])
    await expect(console.page.locator(".uploads")).to_contain_text("Was there already")


async def test_an_archive_stands_with_what_was_in_it(managed: Managed) -> None:
    console = await managed.console()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("harbour/cranes.md", "# Cranes\n\nThe harbour has nine cranes.\n")
        file.writestr("harbour/tides.md", "# Tides\n\nThe tide is four metres.\n")
    await console.upload("harbour.zip", archive.getvalue())
    toggle = console.page.get_by_role("button", name="2 documents in it")
    await expect(toggle).to_be_visible(timeout=READY)
    await expect(console.document("Cranes")).to_have_count(0)
    await toggle.click()
    await console.ready("Cranes")
    await console.ready("Tides")
    await console.menu("harbour.zip", "Delete")
    await expect(console.dialog).to_contain_text("all documents in it")
    await console.dialog.get_by_role("button", name="Delete").click()
    await expect(console.page.get_by_text("Cranes")).to_have_count(0)


async def test_by_keyboard_alone(managed: Managed) -> None:
    console = await managed.console()
    page = console.page
    choosers: asyncio.Queue[FileChooser] = asyncio.Queue()
    page.on("filechooser", choosers.put_nowait)
    await page.reload()  # by then the browser knows that its dialog is not wanted
    await page.get_by_role("button", name="Upload files").focus()
    await page.keyboard.press("Enter")
    chooser = await asyncio.wait_for(choosers.get(), DEADLINE)
    data = b"# Buoys\n\nThere are twelve buoys.\n"
    await chooser.set_files({"name": "buoys.md", "mimeType": "text/markdown", "buffer": data})
    await console.ready("Buoys")
    await page.get_by_role("link", name="Buoys").focus()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="Show the passages")).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await expect(console.dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(console.document("Buoys")).to_have_count(0)
    # News of the deletion may take the row away before the dialog that asked for it is closed.
    await page.wait_for_function("document.activeElement.matches('.documents, #page')")


async def test_what_fails_says_why(managed: Managed) -> None:
    console = await managed.console()
    await console.upload("broken.pdf", b"%PDF-1.7 and nothing else")
    broken = console.document("broken.pdf")
    await expect(broken).to_have_attribute("data-status", "failed", timeout=READY)
    await expect(broken.locator(".status-error")).to_contain_text("damaged")
    await expect(broken.get_by_role("button", name="Try again")).to_be_visible()
    await console.upload("photo.png", b"\x89PNG")
    refused = console.page.locator(".upload", has_text="photo.png")
    await expect(refused).to_contain_text("Files of this type (.png) are not supported")
    await refused.get_by_role("button", name="Do not upload photo.png").click()
    await expect(refused).to_have_count(0)
    managed.problems.clear()  # the browser itself reports the upload that was refused


async def test_a_gap_is_answered_and_asked_again(managed: Managed) -> None:
    rooms = await managed.room("Harbour office")
    question = "Where do I get a mooring permit?"
    await rooms.ask(question)
    await rooms.ended()
    before = await rooms.text()
    console = await managed.console("/gaps")
    page = console.page
    gap = page.locator(".gap", has_text=question)
    await expect(gap).to_contain_text("Asked once")
    await expect(gap).to_contain_text("Nothing found")
    await gap.get_by_role("button", name="Write the answer").click()
    await expect(console.dialog.get_by_label("Title")).to_have_value(question)
    await console.dialog.get_by_label("Text").fill("The harbour office at quay two gives out the mooring permit.")
    await console.dialog.get_by_role("button", name="Save and ask again").click()
    await expect(gap).to_contain_text("The question was asked again.", timeout=READY)
    await expect(rooms.answer.locator(".answer-text")).to_contain_text("quay two")
    assert "quay two" not in before
    await gap.get_by_role("link", name="Open the room").click()
    await expect(page.locator("article.answer .answer-text")).to_contain_text("quay two")


async def test_the_search_shows_how_passages_are_found(managed: Managed) -> None:
    console = await managed.console()
    await console.upload("salt.md", "# Salt works\n\nSea salt is harvested in the seventh week of summer.\n")
    await console.ready("Salt works")
    page = console.page
    await page.get_by_role("link", name="Try the search").click()
    await page.get_by_role("searchbox", name="Question").fill("When is sea salt harvested?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".verdict")).to_contain_text("The assistant would answer.")
    await expect(page.locator(".verdict")).to_contain_text("no embedding model is configured")
    first = page.locator(".found").first
    await expect(first).to_contain_text("seventh week")
    await expect(first.locator(".score", has_text="Meaning")).to_contain_text("–")
    await first.get_by_role("link", name="Salt works").click()
    await expect(page.locator(".chunk[data-marked]")).to_contain_text("seventh week")
    await page.get_by_role("searchbox").fill("salt")
    await expect(page.locator(".found")).to_contain_text("seventh week")


async def test_collections_say_who_may_read(managed: Managed) -> None:
    console = await managed.console("/collections")
    page = console.page
    await page.get_by_role("button", name="New collection").click()
    await console.dialog.get_by_role("textbox", name="Name").fill("Handbook")
    await console.dialog.get_by_role("radio", name="Chosen people").check()
    await console.dialog.get_by_role("button", name="Max").click()
    await console.dialog.get_by_role("button", name="Create").click()
    card = page.locator(".collection", has_text="Handbook")
    await expect(card).to_contain_text("Max")
    await card.get_by_role("button", name="Actions for").click()
    await page.get_by_role("menuitem", name="Edit").click()
    await console.dialog.get_by_role("textbox", name="Name").fill("Staff handbook")
    await console.dialog.get_by_role("button", name="Save").click()
    card = page.locator(".collection", has_text="Staff handbook")
    await card.get_by_role("button", name="Actions for").click()
    await page.get_by_role("menuitem", name="Delete").click()
    delete = console.dialog.get_by_role("button", name="Delete")
    await expect(delete).to_be_disabled()
    await console.dialog.get_by_role("textbox").fill("Staff handbook")
    await delete.click()
    await expect(card).to_have_count(0)


async def test_who_manages_no_site_is_told_where_to_go(managed: Managed) -> None:
    page = await managed.page("/console/", managed.member)
    await expect(page.get_by_role("heading", name="This console is for administrators")).to_be_visible()
    await page.get_by_role("link", name="Open the rooms").click()
    await page.wait_for_url("**/app/")


async def test_rooms_lead_to_the_console_and_back(managed: Managed) -> None:
    page = await managed.page("/app/")
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="What the assistant knows").click()
    await page.wait_for_url("**/console/knowledge")
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Open the rooms").click()
    await page.wait_for_url("**/app/")
    member = await managed.page("/app/", managed.member)
    await member.get_by_role("button", name="Account and settings").click()
    await expect(member.get_by_role("menuitem", name="Sign out")).to_be_visible()
    await expect(member.get_by_role("menuitem", name="What the assistant knows")).to_have_count(0)


async def test_it_speaks_chinese(managed: Managed) -> None:
    console = await managed.console(locale="zh-CN", viewport={"width": 390, "height": 844})
    page = console.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("文档")
    await console.upload("码头.md", "# 码头\n\n渡轮从三号码头出发。\n")
    await expect(console.document("码头")).to_contain_text("就绪", timeout=READY)
    for link, heading in (("网页", "网页"), ("试用检索", "试用检索"), ("文档集", "文档集"), ("知识缺口", "知识缺口")):
        await page.get_by_role("navigation").get_by_role("link", name=link).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_no_page_has_a_serious_finding(managed: Managed, scheme: Literal["light", "dark"], width: int) -> None:
    found: list[str] = []
    console = await managed.console(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = console.page

    async def look(state: str) -> None:
        found.extend(await findings(page, f"{state}, {scheme}"))

    await console.upload("axe.md", f"# Axes {scheme}\n\nAn axe has a handle.\n")
    await console.upload("broken.pdf", f"%PDF-1.7 {scheme}".encode())
    await console.upload("photo.png", b"\x89PNG")
    await console.ready(f"Axes {scheme}")
    await expect(page.locator(".upload[data-status=failed]")).to_be_visible()
    await look("documents and uploads")
    await page.get_by_role("button", name="Add").click()
    await look("ways to add")
    await page.get_by_role("menuitem", name="Write a text").click()
    await look("writing a text")
    await page.keyboard.press("Escape")
    await console.menu(f"Axes {scheme}", "Delete")
    await look("deleting a document")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name=f"Axes {scheme}").click()
    await page.locator(".chunk").first.wait_for()
    await look("passages of a document")
    await page.get_by_role("link", name="Try the search").click()
    await look("search")
    await page.get_by_role("searchbox", name="Question").fill("What has a handle?")
    await page.keyboard.press("Enter")
    await page.locator(".found").first.wait_for()
    await look("passages found")
    await page.get_by_role("link", name="Collections").click()
    await page.get_by_role("button", name="New collection").click()
    await console.dialog.get_by_role("radio", name="Chosen people").check()
    await look("new collection")
    await page.keyboard.press("Escape")
    await look("collections")
    await page.get_by_role("link", name="Web pages").click()
    await page.get_by_role("button", name="Add web pages").click()
    await look("adding web pages")
    await page.keyboard.press("Escape")
    await look("web pages")
    await page.get_by_role("link", name="Gaps").click()
    await page.locator(".gap, .empty").first.wait_for()
    await look("gaps")
    assert not found, "\n".join(found)
    managed.problems.clear()  # the browser itself reports the upload that was refused
