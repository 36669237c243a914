"""Takes the pictures of this folder from a running demo:

    make run                                        # elsewhere, with a DEMO_PASSWORD
    .venv/bin/python docs/images/take.py http://127.0.0.1:8000 PASSWORD OUTDIR

Each state of the rooms app, on a desk (1280 px) and on a phone (390 px), in light and dark, in English and Chinese.
On its first run it makes people, rooms and a conversation in the demo.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute, expect, sync_playwright
from websockets.sync.client import connect

PASSWORD = "a long enough password"  # noqa: S105 - of people who exist in the demo only
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

type Theme = Literal["light", "dark"]
type Language = Literal["en", "zh-CN"]
type Size = Literal["desk", "phone"]


@dataclass(frozen=True)
class Person:
    username: str
    name: str


ANN = Person("ann", "Ann Weber")
BO = Person("bo", "Bo Lindqvist")
MEI = Person("mei", "陈美")

LAUNCH = "Launch planning"
HANDBOOK = "Support handbook"
TALK = [
    (BO, "The staging server is up. I moved the documents over this morning."),
    (BO, "Everything from the old wiki is in the collection now, 14 documents."),
    (ANN, "Great, thank you! Let us use this room to check the answers before Thursday."),
    (MEI, "我来检查中文的部分。"),
    (ANN, "@Bo Lindqvist could you look at how the widget behaves when the connection drops?"),
    (BO, "On it. So far it picks up exactly where it stopped."),
]


class Demo:
    """The server's side: people, rooms and what they say, over its HTTP API and socket."""

    def __init__(self, server: str, password: str, admin: BrowserContext) -> None:
        self.server, self._admin = server, admin
        self._tokens: dict[str, str] = {}
        self._passwords = {"demo": password}

    def prepare(self) -> None:
        """Make what is missing; what is there stays."""
        self._sign_in_to_admin()
        people = {person: self._person(person) for person in (ANN, BO, MEI)}
        titles = {entry["title"] for entry in self.call("demo", "GET", "rooms")["rooms"]}
        if LAUNCH not in titles:
            members = list(people.values())
            room = self.call("demo", "POST", "rooms", {"title": LAUNCH, "policy": "mention", "members": members})[
                "room"
            ]
            for person, text in TALK:
                self.say(person.username, room, text)
        if HANDBOOK not in titles:
            body = {"title": HANDBOOK, "policy": "off", "members": [people[ANN]]}
            room = self.call("demo", "POST", "rooms", body)["room"]
            self.say(ANN.username, room, "Tone: friendly, short, and always with the next step.")

    def room(self, title: str) -> str:
        entries = self.call("demo", "GET", "rooms")["rooms"]
        return next(str(entry["room"]) for entry in entries if entry["title"] == title)

    def new_room(self, title: str) -> str:
        return str(self.call("demo", "POST", "rooms", {"title": title})["room"])

    def delete_room(self, room: str) -> None:
        self.call("demo", "DELETE", f"rooms/{room}")

    def call(self, username: str, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token(username)}"}
        url = urljoin(self.server, f"api/v1/{path}")
        answer = self._admin.request.fetch(url, method=method, headers=headers, data=body)
        assert answer.ok, f"{method} {path}: {answer.status} {answer.text()}"
        return answer.json() if answer.status != 204 else None

    @contextmanager
    def here(self, username: str, room: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Somebody who is in the room, and can send commands."""
        parts = urlsplit(urljoin(self.server, "ws"))
        url = parts._replace(scheme={"http": "ws", "https": "wss"}[parts.scheme]).geturl()
        headers = {"Authorization": f"Bearer {self._token(username)}"}
        with connect(url, subprotocols=["chat.v1.json"], additional_headers=headers) as socket:  # type: ignore[list-item]
            received = (json.loads(line) for frame in socket for line in str(frame).split("\n"))
            socket.send(json.dumps({"type": "hello", "id": "0", "rooms": [{"room": room}]}))
            next(frame for frame in received if frame["type"] == "ready")

            def send(command: dict[str, Any]) -> None:
                identity = uuid4().hex
                socket.send(json.dumps({"id": identity, "room": room, **command}))
                answer = next(frame for frame in received if frame.get("re") == identity)
                assert answer["type"] == "ok", answer

            yield send

    def say(self, username: str, room: str, text: str) -> None:
        with self.here(username, room) as send:
            send({"type": "message.send", "cid": uuid4().hex, "text": text})

    def _token(self, username: str) -> str:
        if username not in self._tokens:
            credentials = {"username": username, "password": self._passwords.get(username, PASSWORD)}
            answer = self._admin.request.post(urljoin(self.server, "api/v1/auth/token"), data=credentials)
            assert answer.ok, answer.text()
            self._tokens[username] = answer.json()["access"]
        return self._tokens[username]

    # --- people, by Django's admin: there is no call that makes them -----------------------------------------------

    def _sign_in_to_admin(self) -> None:
        page = self._admin.new_page()
        page.goto(urljoin(self.server, "admin/"))
        page.locator("[name=username]").fill("demo")
        page.locator("[name=password]").fill(self._passwords["demo"])
        page.locator("[type=submit]").click()
        page.locator("#content").wait_for()
        page.close()

    def _person(self, person: Person) -> str:
        """Make the person, as an agent of the demo site; returns the id."""
        page = self._admin.new_page()
        page.goto(urljoin(self.server, f"admin/sites/user/?q={person.username}"))
        link = page.locator("#result_list tbody th a", has_text=person.username)
        if link.count() == 0:
            page.goto(urljoin(self.server, "admin/sites/user/add/"))
            page.locator("[name=username]").fill(person.username)
            page.locator("[name=password1]").fill(PASSWORD)
            page.locator("[name=password2]").fill(PASSWORD)
            page.locator("[name=_continue]").click()
            page.locator("[name=name]").fill(person.name)
            page.locator("[name=_continue]").click()
            page.locator(".messagelist .success").wait_for()
            identity = page.url.split("/user/")[1].split("/")[0]
            self._join_site(page, identity)
        else:
            identity = str(link.get_attribute("href")).split("/user/")[1].split("/")[0]
        page.close()
        return identity

    def _join_site(self, page: Page, user: str) -> None:
        page.goto(urljoin(self.server, "admin/sites/site/"))
        page.locator("#result_list tbody th a").first.click()
        page.locator(".add-row a, .add-row button").first.click()
        row = page.locator("tr.dynamic-members, tr.form-row:not(.empty-form)").last
        # The field looks people up while one types; its value is set as such a choice would.
        row.locator("select[name$=-user]").evaluate(
            "(field, user) => { field.add(new Option(user, user, true, true)); }", user
        )
        page.locator("[name=_save]").click()
        page.locator(".messagelist .success").wait_for()


@dataclass
class Line:
    """The socket between a page and its server, which can be held or cut."""

    cut: bool = False
    hold: Callable[[str], bool] = field(default=lambda line: False)
    held: bool = False
    _sockets: list[WebSocketRoute] = field(default_factory=list)

    def accept(self, socket: WebSocketRoute) -> None:
        if self.cut:
            socket.close(code=4000)
            return
        self._sockets.append(socket)
        server = socket.connect_to_server()

        def passes(data: str | bytes) -> None:
            self.held = self.held or any(self.hold(line) for line in str(data).split("\n"))
            if not self.held:
                socket.send(data)

        server.on_message(passes)

    def go_offline(self) -> None:
        self.cut = True
        for socket in self._sockets:
            socket.close(code=4000)


@dataclass
class Camera:
    browser: Browser
    demo: Demo
    folder: Path
    password: str

    @contextmanager
    def page(
        self, size: Size, theme: Theme = "light", language: Language = "en", *, signed_in: bool = True
    ) -> Iterator[tuple[Page, Line]]:
        context = self.browser.new_context(
            viewport=DESK if size == "desk" else PHONE,  # type: ignore[arg-type]
            device_scale_factor=1 if size == "desk" else 2,
            has_touch=size == "phone",
            is_mobile=size == "phone",
            color_scheme=theme,
            locale=language,
            reduced_motion="reduce",
        )
        line = Line()
        context.route_web_socket("**/ws", line.accept)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(urljoin(self.demo.server, "app/"))
        if signed_in:
            page.locator("[name=username]").fill("demo")
            page.locator("[name=password]").fill(self.password)
            page.locator("[type=submit]").click()
            page.locator(".room-item").first.wait_for()
        yield page, line
        assert not problems, problems
        context.close()

    def take(self, page: Page, name: str) -> None:
        page.evaluate("document.fonts.ready")
        page.screenshot(path=self.folder / f"{name}.png", caret="initial", animations="disabled")

    def open(self, page: Page, title: str) -> None:
        page.locator(".room-item", has_text=title).click()
        page.locator(".row, .scroller .empty").first.wait_for()


def ask(page: Page, text: str) -> None:
    page.locator(".composer textarea").fill(text)
    page.locator(".composer .send").click()


def answered(page: Page, answers: int) -> None:
    expect(page.locator(".answer[aria-busy=false] .answer-actions")).to_have_count(answers, timeout=60_000)


def delta_number(number: int) -> Callable[[str], bool]:
    """Whether a line is at least the answer's delta `number`, or its end."""

    def found(line: str) -> bool:
        frame = json.loads(line)
        if frame["type"] == "answer.delta":
            return int(frame["n"]) >= number
        return bool(
            frame["type"] == "message"
            and frame["message"]["author"]["kind"] == "assistant"
            and frame["message"]["text"]
        )

    return found


def sign_in(camera: Camera, suffix: str, size: Size, theme: Theme, language: Language) -> None:
    with camera.page(size, theme, language, signed_in=False) as (page, _):
        camera.take(page, f"sign-in-{suffix}")
        page.locator("[name=username]").fill("demo")
        page.locator("[name=password]").fill("not the password")
        page.locator("[type=submit]").click()
        page.locator("[role=alert]").wait_for()
        camera.take(page, f"sign-in-wrong-{suffix}")


def conversation(camera: Camera, suffix: str, size: Size, theme: Theme, language: Language) -> None:
    """An answer while it is written and when it is there, its source, the panels and menus around it."""
    question = {"en": "How does a client resume after a lost connection?", "zh-CN": "安装需要什么？"}[language]
    room = camera.demo.new_room({"en": "Product questions", "zh-CN": "产品问题"}[language])
    try:
        with camera.page(size, theme, language) as (page, line):
            camera.take(page, f"rooms-{suffix}")
            page.locator(f"a[href$='{room}']").click()
            page.locator(".suggestion").first.wait_for()
            camera.take(page, f"empty-{suffix}")
            line.hold = delta_number(2)
            ask(page, question)
            page.locator(".answer .working").wait_for()
            expect(page.locator(".answer-text").first).not_to_be_empty()
            camera.take(page, f"streaming-{suffix}")
            line.hold, line.held = lambda line: False, False
            page.reload()
            answered(page, 1)
            ask(page, {"en": "And what about the answers?", "zh-CN": "如何添加文档？"}[language])
            answered(page, 2)
            camera.take(page, f"answer-{suffix}")
            page.locator(".cs-chip").last.click()
            page.locator(".passage").wait_for()
            expect(page.locator(".source-loading")).to_have_count(0)
            camera.take(page, f"source-{suffix}")
            page.locator(".panel-head > .cs-icon-button").last.click()
            page.locator(".answer-actions [aria-pressed]").last.click()
            page.locator(".editor").wait_for()
            camera.take(page, f"rating-{suffix}")
    finally:
        camera.demo.delete_room(room)


def people(camera: Camera, suffix: str, size: Size, theme: Theme, language: Language) -> None:
    """A room of several: presence, typing, members, mentions, replies, editing."""
    room = camera.demo.room(LAUNCH)
    with (
        camera.demo.here("ann", room) as ann,
        camera.demo.here("bo", room),
        camera.page(size, theme, language) as (page, _),
    ):
        camera.open(page, LAUNCH)
        page.locator(".here").wait_for()
        ann({"type": "room.typing", "on": True})
        page.locator(".typing[data-shown]").wait_for()
        camera.take(page, f"room-{suffix}")
        page.locator(".composer textarea").press_sequentially("@")
        page.locator(".mentions").wait_for()
        camera.take(page, f"mention-{suffix}")
        page.locator(".composer textarea").fill("")
        page.locator(".message").nth(1).locator("[aria-haspopup=menu]").dispatch_event("click")
        page.locator(".menu:popover-open").wait_for()
        camera.take(page, f"message-menu-{suffix}")
        page.locator(".menu:popover-open .menu-item").first.click()
        page.locator(".replying").wait_for()
        camera.take(page, f"reply-{suffix}")
        page.keyboard.press("Escape")
        page.locator(".room-head .policy").click()
        page.locator(".menu:popover-open").wait_for()
        camera.take(page, f"policy-{suffix}")
        page.keyboard.press("Escape")
        page.locator(".room-head > .cs-icon-button[aria-expanded]:not([aria-haspopup])").click()
        page.locator(".member").first.wait_for()
        camera.take(page, f"members-{suffix}")


def dialogs(camera: Camera, suffix: str, size: Size, theme: Theme, language: Language) -> None:
    with camera.page(size, theme, language) as (page, _):
        page.locator(".list-head .cs-icon-button").click()
        page.locator(".dialog .field input").fill({"en": "Release notes", "zh-CN": "发布说明"}[language])
        page.locator(".person").first.click()
        camera.take(page, f"create-{suffix}")
        page.keyboard.press("Escape")
        page.locator(".search input").fill("xyz")
        page.locator(".no-match").wait_for()
        camera.take(page, f"search-{suffix}")
        page.locator(".search input").fill("")
        page.locator(".account").click()
        page.locator(".menu:popover-open").wait_for()
        camera.take(page, f"settings-{suffix}")
        page.keyboard.press("Escape")
        camera.open(page, LAUNCH)
        page.locator(".room-head [aria-haspopup=menu]").last.click()
        page.locator(".menu:popover-open [data-danger]").click()
        page.locator(".dialog").wait_for()
        camera.take(page, f"delete-{suffix}")


def trouble(camera: Camera, suffix: str, size: Size, theme: Theme, language: Language) -> None:
    """Offline with a message that waits; a room that is not there; a list that has not come."""
    room = camera.demo.new_room("Field test")
    try:
        with camera.page(size, theme, language) as (page, line):
            page.locator(f"a[href$='{room}']").click()
            page.locator(".suggestion").first.wait_for()
            line.go_offline()
            page.locator(".connection[data-kind=warn]").wait_for()
            ask(page, {"en": "Is the office open on Friday?", "zh-CN": "周五上班吗？"}[language])
            page.locator(".waiting").wait_for()
            page.locator(".connection[data-kind=warn]").wait_for()
            camera.take(page, f"offline-{suffix}")
        with camera.page(size, theme, language) as (page, line):
            page.goto(urljoin(camera.demo.server, "app/r/01932b5e-0000-7000-8000-000000000001"))
            page.locator(".room-none .empty").wait_for()
            camera.take(page, f"gone-{suffix}")
            line.cut = True
            page.goto(urljoin(camera.demo.server, "app/"))
            page.locator(".connection[data-kind=warn]").wait_for()
            camera.take(page, f"unreachable-{suffix}")
        with camera.page(size, theme, language) as (page, _):
            page.route("**/api/v1/people*", refuse)
            page.locator(".list-head .cs-icon-button").click()
            page.locator(".problem").wait_for()
            camera.take(page, f"problem-{suffix}")
    finally:
        camera.demo.delete_room(room)


def refuse(route: Route) -> None:
    body = json.dumps({"code": "rate_limited", "detail": "Slow down, please.", "retry_after": 12})
    route.fulfill(status=429, content_type="application/problem+json", body=body)


STATES = {state.__name__: state for state in (sign_in, conversation, people, dialogs, trouble)}
LOOKS: tuple[tuple[Size, Theme, Language], ...] = (
    ("desk", "light", "en"),
    ("desk", "dark", "en"),
    ("desk", "light", "zh-CN"),
    ("phone", "light", "en"),
    ("phone", "dark", "zh-CN"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("password", help="of the user demo")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=STATES, action="append", help="these states only")
    parser.add_argument("--look", action="append", help="these looks only, such as phone-dark-zh-CN")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    server = options.server.rstrip("/") + "/"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        admin = browser.new_context()
        demo = Demo(server, options.password, admin)
        demo.prepare()
        camera = Camera(browser, demo, options.folder, options.password)
        for size, theme, language in LOOKS:
            look = f"{size}-{theme}-{language}"
            if options.look and look not in options.look:
                continue
            for name, state in STATES.items():
                if not options.only or name in options.only:
                    state(camera, look, size, theme, language)
        browser.close()


if __name__ == "__main__":
    main()
