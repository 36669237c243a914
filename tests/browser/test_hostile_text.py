"""Texts that mean harm, as answers, as messages and as names of rooms: they are shown, and do nothing.

The page's own policy would stop most of it. Here it is switched off, so that what is tested is that nothing tries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from chatserver.providers.scripted import pieces
from tests.browser.conftest import Demo
from tests.server import ROOT
from tests.small_http import Reply, http_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

CORPUS: dict[str, list[str]] = json.loads((ROOT / "frontend/src/ui/markdown/corpus.xss.json").read_text())
MESSAGE_CHARS = 15_000

ELEMENTS = """a b blockquote br button code del div em h1 h2 h3 h4 h5 h6 hr input li ol p path pre s span strong svg
table tbody td th thead tr ul"""
UNSAFE = """(elements) => {
  const bad = [];
  for (const element of document.querySelectorAll(".written *, .answer-text *")) {
    if (!elements.includes(element.localName)) bad.push(element.outerHTML);
    for (const { name, value } of element.attributes) {
      if (/^on|^style$|^src|^action|^formaction|^xlink/.test(name)) bad.push(`${name}=${value}`);
      if (name === "href" && !/^(https?|mailto):/.test(value)) bad.push(`href=${value}`);
    }
  }
  return bad;
}"""


def messages(texts: list[str]) -> Iterator[str]:
    """The texts, a paragraph each, in as few messages as hold them."""
    held: list[str] = []
    for text in texts:
        if held and sum(map(len, held)) + len(text) > MESSAGE_CHARS:
            yield "\n\n".join(held)
            held = []
        held.append(text)
    yield "\n\n".join(held)


async def test_nothing_that_is_said_does_anything(demo: Demo) -> None:
    async with http_server(lambda request: Reply(b"")) as canary:
        texts = [text.replace("CANARY", canary.url) for group in CORPUS.values() for text in group]
        rooms = await demo.signed_in(bypass_csp=True)
        rooms.page.on("dialog", lambda dialog: demo.problems.append(f"dialog: {dialog.message}"))
        address = rooms.page.url
        await rooms.create(f"<img src={canary.url}/title.png onerror=alert(1)>")

        demo.upstream.pieces, demo.upstream.rate = pieces("\n\n".join(texts)), 0
        for text in messages(texts):
            await rooms.ask(text.replace("\0", ""))  # which the server refuses, and says so
            await rooms.ended()
        await rooms.ask("What is a room?")  # the documents say something about it, so the model is asked
        await expect(rooms.answer.locator(".answer-text")).to_contain_text("alert(1)")
        await rooms.ended()
        assert len(texts) >= 60
        await expect(rooms.answer.locator(".answer-text")).to_contain_text("alert(1)")
        # The same texts, as they come when the page is opened again.
        await rooms.page.reload()
        await expect(rooms.answer.locator(".answer-text")).to_contain_text("alert(1)")
        assert await rooms.page.evaluate(UNSAFE, ELEMENTS.split()) == []
        assert rooms.page.url.startswith(address)
        assert canary.requests == []
        # The canary hears what does try.
        await rooms.page.evaluate("(url) => fetch(url, { mode: 'no-cors' })", f"{canary.url}/heard")
        assert [request.path for request in canary.requests] == ["/heard"]
