"""The console as somebody handles it who manages a site: by what stands on its pages."""

from __future__ import annotations

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

from chatserver.protocol.frames import User
from chatserver.rooms.store import Store
from tests.api import background_worker
from tests.browser.rooms import Rooms
from tests.credentials import session_key
from tests.records import Site
from tests.server import Server

__all__ = ["Console", "Managed", "managed_site"]

READY = 60_000
"""Until a document is ready, in ms: a worker reads it in a process of its own."""


@dataclass
class Managed:
    """A server that quotes its documents, with a worker; a site, who manages it and who does not."""

    server: Server
    worker: Process
    store: Store
    site: Site
    admin: User
    member: User
    browser: Browser
    problems: list[str] = field(default_factory=list)

    async def page(self, path: str, user: User | None = None, **options: Any) -> Page:
        """A page in a browser profile of its own, where `user` (else the admin) has signed in."""
        context = await self.browser.new_context(**options)
        session = await session_key(self.store.pool, (user or self.admin).id)
        await context.add_cookies([{"name": "sessionid", "value": session, "url": self.server.http}])
        page = await context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._heard)
        await page.goto(f"{self.server.http}{path}")
        return page

    async def console(self, path: str = "", **options: Any) -> Console:
        console = Console(await self.page(f"/console/knowledge{path}", **options))
        await expect(console.page.get_by_role("heading", level=1)).to_be_visible()
        return console

    async def room(self, title: str, **options: Any) -> Rooms:
        """A room of the admin, opened in the rooms app."""
        room = await self.site.room(self.store, self.admin, title=title)
        rooms = Rooms(await self.page(f"/app/r/{room}", **options))
        await expect(rooms.composer).to_be_visible()
        return rooms

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location['url']})")


@dataclass
class Console:
    page: Page

    async def upload(self, name: str, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        await self.page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]

    def document(self, title: str) -> Locator:
        return self.page.locator("article.document", has=self.page.locator(".document-title", has_text=title))

    async def ready(self, title: str) -> None:
        await expect(self.document(title)).to_have_attribute("data-status", "ready", timeout=READY)

    async def menu(self, title: str, action: str) -> None:
        """Chooses an action from the menu of a document."""
        await self.page.get_by_role("button", name=f"Actions for “{title}”").click()
        await self.page.get_by_role("menuitem", name=action).click()

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")


@asynccontextmanager
async def managed_site(database_url: str, redis_url: str, folder: Path, browser: Browser) -> AsyncIterator[Managed]:
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "DATA_DIR": str(folder)}
    store = await Store.open(database_url)
    try:
        site = await Site(store.pool).create()
        admin, member = await site.user("Ada"), await site.user("Max")
        for user, role in ((admin, "admin"), (member, "member")):
            await store.pool.execute(
                "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, $3)",
                *(site.id, user.id, role),
            )
        async with Server(environ) as server, background_worker(environ) as worker:
            yield Managed(server, worker, store, site, admin, member, browser)
    finally:
        await store.close()
