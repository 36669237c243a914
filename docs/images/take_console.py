"""Takes the pictures of the console from a running demo, which it fills with some knowledge on its first run:

    make run                                        # elsewhere, with a DEMO_PASSWORD
    .venv/bin/python docs/images/take_console.py http://127.0.0.1:8000 PASSWORD OUTDIR

Each page and what opens on it, on a desk (1280 px) in light, on a phone (390 px) in dark and Chinese.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import FilePayload, Page, Route, expect, sync_playwright
from take import ANN, BO, MEI, Camera, Demo, Language, Size, Theme

RETURNS = """# Returns and refunds

An order may be sent back within 30 days. The bags have to be unopened.

## How to send something back

Ask for a label at returns@example.com. A courier collects the parcel on the next working day.

## Refunds

The money is on your account within five working days after the parcel has arrived.
"""
HOLIDAYS = "# Holidays\n\nEverybody has 27 days of paid holiday a year. Ask for them two weeks ahead.\n"
EXPENSES = "# Expenses\n\nTrains are booked in second class. Meals are paid up to 32 euros a day.\n"
QUESTIONS = (
    "Is there a place to park bicycles at the roastery?",
    "Where can I park my bicycle?",
    "Do you sell gift vouchers?",
)
SEARCHED = {"en": "How long may I take to send an order back?", "zh-CN": "品鉴会要多少钱？"}
DRAG = """(element, type) => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File(["x"], "a.md"));
  element.dispatchEvent(new DragEvent(type, { bubbles: true, dataTransfer }));
}"""
LOOKS: tuple[tuple[Size, Theme, Language], ...] = (
    ("desk", "light", "en"),
    ("desk", "dark", "en"),
    ("phone", "dark", "zh-CN"),
)


def fill(camera: Camera) -> None:
    """Documents of several kinds, one that fails, collections, and questions that nothing answers."""
    demo = camera.demo
    known = {each["name"] for each in demo.call("demo", "GET", "collections")["collections"]}
    if "Staff handbook" not in known:
        people = {each["username"]: each["id"] for each in demo.call("demo", "GET", "people")["people"]}
        readers = [people[person.username] for person in (ANN, BO, MEI)]
        body = {"name": "Staff handbook", "visibility": "restricted", "readers": readers}
        demo.call("demo", "POST", "collections", body)
        demo.call("demo", "POST", "collections", {"name": "Team notes", "visibility": "internal"})
        room = demo.new_room("Visitors’ questions")
        for question in QUESTIONS:
            demo.say("demo", room, question)
    with console(camera, "desk", "light", "en") as page:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(zipfile.ZipInfo("handbook/holidays.md"), HOLIDAYS)
            file.writestr(zipfile.ZipInfo("handbook/expenses.md"), EXPENSES)
        upload(
            page,
            ("handbook.zip", archive.getvalue()),
            ("returns.md", RETURNS.encode()),
            ("prices.csv", b"Coffee,250 g,1 kg\nHarbour blend,9.50,34.00\nNight ferry,11.00,39.00\n"),
            ("floor-plan.pdf", b"%PDF-1.7 cut off"),
        )
        for title, status in (("Returns and refunds", "ready"), ("prices", "ready"), ("floor-plan", "failed")):
            document = page.locator(".document", has_text=title)
            expect(document).to_have_attribute("data-status", status, timeout=120_000)
        page.locator(".members-toggle").click(timeout=60_000)
        expect(page.locator(".members-list .document[data-status=ready]")).to_have_count(2, timeout=60_000)


def upload(page: Page, *files: tuple[str, bytes]) -> None:
    page.locator("input[type=file]").set_input_files(
        [FilePayload(name=name, mimeType="application/octet-stream", buffer=data) for name, data in files]
    )


@contextmanager
def console(camera: Camera, size: Size, theme: Theme, language: Language, path: str = "") -> Iterator[Page]:
    with camera.page(size, theme, language) as (page, _):
        page.goto(urljoin(camera.demo.server, f"console/knowledge{path}"))
        page.locator(".page-head").wait_for()
        yield page


def show(page: Page, camera: Camera, path: str, sign: str) -> None:
    """Opens a page and waits for what stands on it."""
    page.goto(urljoin(camera.demo.server, f"console/knowledge{path}"))
    page.locator(sign).first.wait_for()


def documents(camera: Camera, page: Page, look: str) -> None:
    page.locator(".document").first.wait_for()
    page.locator(".search-state").wait_for()
    camera.take(page, f"documents-{look}")
    page.locator(".document", has_text="floor-plan.pdf").scroll_into_view_if_needed()
    page.locator(".members-toggle").first.click()
    camera.take(page, f"archive-{look}")
    page.locator(".document [aria-haspopup=menu]").nth(1).click()
    page.locator(".menu:popover-open [data-danger]").click()
    page.locator(".dialog").wait_for()
    camera.take(page, f"delete-{look}")
    page.keyboard.press("Escape")
    page.locator(".page-actions [aria-haspopup=menu]").click()
    page.locator(".menu:popover-open .menu-item").last.click()
    page.locator(".dialog textarea").fill(RETURNS)
    camera.take(page, f"write-{look}")
    page.keyboard.press("Escape")


def uploads(camera: Camera, page: Page, look: str) -> None:
    """Files on their way, which are held there, and one that was refused."""
    page.locator(".document").first.wait_for()
    page.locator(".console").evaluate(DRAG, "dragenter")
    page.locator(".drop-here").wait_for()
    camera.take(page, f"drop-{look}")
    page.locator(".console").evaluate(DRAG, "dragleave")
    upload(page, ("photo.png", b"\x89PNG"))
    page.locator(".upload[data-status=failed]").wait_for()
    page.route("**/api/v1/documents", lambda route: None if route.request.method == "POST" else route.continue_())
    upload(page, *((f"minutes-{n}.md", b"# Minutes\n" * 4000 * n) for n in range(1, 6)))
    page.locator(".upload[data-status=sending]").first.wait_for()
    camera.take(page, f"uploads-{look}")


def empty(camera: Camera, page: Page, look: str) -> None:
    def nothing(route: Route) -> None:
        route.fulfill(content_type="application/json", body=json.dumps({"documents": [], "more": False}))

    page.route(re.compile(r"/api/v1/documents\?"), nothing)
    show(page, camera, "", ".first-drop")
    camera.take(page, f"empty-{look}")
    page.unroute_all()


def passages(camera: Camera, page: Page, look: str, language: Language) -> None:
    show(page, camera, "/search", ".empty")
    page.locator("#query").fill(SEARCHED[language])
    page.keyboard.press("Enter")
    page.locator(".found").first.wait_for()
    camera.take(page, f"search-{look}")
    page.locator(".found-title a").first.click()
    page.locator(".chunk[data-marked]").wait_for()
    camera.take(page, f"passages-{look}")


def others(camera: Camera, page: Page, look: str) -> None:
    show(page, camera, "/collections", ".collection")
    camera.take(page, f"collections-{look}")
    page.locator(".page-actions .cs-button").click()
    page.locator("[value=restricted]").click()
    page.locator(".person").first.click()
    camera.take(page, f"collection-{look}")
    show(page, camera, "/gaps", ".gap")
    page.locator("summary").first.click()
    camera.take(page, f"gaps-{look}")
    page.locator(".gap .cs-button").first.click()
    page.locator(".dialog").wait_for()
    camera.take(page, f"answer-{look}")
    show(page, camera, "/web", ".web, .empty")
    page.locator(".cs-button[data-kind=primary]").click()
    page.locator(".dialog").wait_for()
    camera.take(page, f"web-{look}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("password", help="of the user demo")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--look", action="append", help="these looks only, such as phone-dark-zh-CN")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        demo = Demo(options.server.rstrip("/") + "/", options.password, browser.new_context())
        demo.prepare()
        camera = Camera(browser, demo, options.folder, options.password)
        fill(camera)
        for size, theme, language in LOOKS:
            look = f"{size}-{theme}-{language}"
            if options.look and look not in options.look:
                continue
            with console(camera, size, theme, language) as page:
                documents(camera, page, look)
                passages(camera, page, look, language)
                if theme == "dark" and size == "desk":
                    continue
                others(camera, page, look)
                empty(camera, page, look)
            with console(camera, size, theme, language) as page:
                uploads(camera, page, look)
        browser.close()


if __name__ == "__main__":
    main()
