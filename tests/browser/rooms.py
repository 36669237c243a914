"""The rooms app as its user handles it: by what stands on the page."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

__all__ = ["Rooms"]

CREATE = """async (title) => {
  const token = /csrftoken=([^;]+)/.exec(document.cookie)[1];
  const answer = await fetch("/api/v1/rooms", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ title }),
  });
  return (await answer.json()).room;
}"""


@dataclass
class Rooms:
    page: Page

    async def create(self, title: str) -> str:
        """A room of its own for a test, opened; returns its id."""
        room = await self.listed(title)
        await self.open(title)
        return room

    async def listed(self, title: str) -> str:
        """A new room that stands in the list and has not been opened; returns its id."""
        room: str = await self.page.evaluate(CREATE, title)
        await expect(self.page.locator(".room-list")).to_contain_text(title)
        return room

    async def open(self, title: str) -> None:
        await self.page.locator(".room-list").get_by_text(title).click()
        await expect(self.page.get_by_role("log")).to_be_visible()

    @property
    def composer(self) -> Locator:
        return self.page.locator(".composer textarea")

    async def ask(self, text: str) -> None:
        await self.composer.fill(text)
        await self.composer.press("Enter")

    @property
    def answers(self) -> Locator:
        return self.page.locator("article.answer")

    @property
    def answer(self) -> Locator:
        """The latest one."""
        return self.answers.last

    @property
    def said(self) -> Locator:
        """What people wrote: stored or on its way."""
        return self.page.locator("article.message:not(.answer)")

    async def text(self) -> str:
        """Of the latest answer, as it is read."""
        return await self.answer.locator(".answer-text").inner_text()

    async def ended(self, status: str = "complete") -> None:
        await expect(self.answer).to_have_attribute("data-status", status, timeout=30_000)
