"""A room is answered from what all its members may read; alone, one is answered from all that one may read oneself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chatserver.protocol.frames import User
from chatserver.providers.scripted import pieces
from tests.api import Api, background_worker
from tests.owner import COLLECTIONS, Owner
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "How much is the budget of the lighthouse project?"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def worker(api: Api) -> AsyncIterator[None]:
    async with background_worker(api.environ):
        yield


@pytest.fixture(autouse=True)
def _quoted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model says of any document: only a citation that the document bears out stays."""
    monkeypatch.setattr(api.model, "pieces", pieces("The budget of the lighthouse project is 40,000 euros [1]."))


@pytest_asyncio.fixture(loop_scope="session")
async def people(api: Api, site: Site) -> tuple[User, User]:
    """Both belong to the site; only the first may read the budget."""
    return await api.member("Ann", site=site), await api.member("Bob", site=site)


@pytest_asyncio.fixture(loop_scope="session")
async def budget(owner: Owner, people: tuple[User, User]) -> str:
    made = await owner.post(
        COLLECTIONS, json={"name": "Finance", "visibility": "restricted", "readers": [people[0].id]}
    )
    assert made.status_code == 201, made.text
    document = await owner.write(
        "Budget", "The budget of the lighthouse project is 40,000 euros.", collection=made.json()["id"]
    )
    await owner.until(document, "ready")
    return document


async def ask(api: Api, asker: User, **room: str) -> dict[str, Any]:
    return await api.answer(asker, QUESTION, **room)


async def test_one_member_without_access_keeps_a_document_from_the_room(
    api: Api, site: Site, people: tuple[User, User], budget: str
) -> None:
    ann, bob = people
    together = await site.room(api.store, ann, bob)
    refused = await ask(api, ann, room=together)
    assert "40,000" not in refused["text"]
    assert refused["sources"] == []
    assert "a room of your own" in refused["text"], "she is told that she may ask alone"
    assert "a room of your own" not in (await ask(api, bob, room=together))["text"], "he is told nothing"

    for alone in (await ask(api, ann, room=await site.room(api.store, ann)), await ask(api, ann)):
        assert "40,000" in alone["text"]
        assert [source["document"] for source in alone["sources"]] == [budget]
    assert "40,000" not in (await ask(api, bob))["text"]


async def test_a_source_is_shown_to_those_who_may_read_it(
    api: Api, site: Site, people: tuple[User, User], budget: str
) -> None:
    ann, bob = people
    room = await site.room(api.store, ann)
    message = await ask(api, ann, room=room)
    path = f"/api/v1/rooms/{room}/messages/{message['id']}/sources/1"
    shown = (await api.client(ann).get(path)).json()
    assert "40,000" in shown["passage"]
    await api.store.add_member(room, bob.id)  # reads the old answer, but not its document
    assert (await api.client(bob).get(path)).status_code == 403


async def test_a_reader_who_is_taken_off_reads_no_more(
    api: Api, site: Site, owner: Owner, people: tuple[User, User], budget: str
) -> None:
    ann, _ = people
    (finance,) = [each for each in await owner.collections() if each["name"] == "Finance"]
    changed = await owner.patch(f"{COLLECTIONS}/{finance['id']}", json={"readers": []})
    assert changed.status_code == 200, changed.text
    assert "40,000" not in (await ask(api, ann, room=await site.room(api.store, ann)))["text"]
