"""Questions without a good answer: how they are found, and what becomes of them when somebody writes the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chatserver.ids import uuid7
from chatserver.protocol.frames import User
from chatserver.providers.scripted import pieces
from tests.api import DEADLINE, UPLOAD_BYTES, Api, background_worker, problem
from tests.chat import Chat
from tests.credentials import access_token
from tests.owner import DOCUMENTS, POLL_SECONDS, Owner, as_owner
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

GAPS = "/api/v1/gaps"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def worker(api: Api) -> AsyncIterator[None]:
    async with background_worker(api.environ):
        yield


@pytest.fixture(autouse=True)
def _said(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.model, "pieces", api.model.pieces)  # to have them back after the test


@pytest_asyncio.fixture(loop_scope="session")
async def asker(api: Api, site: Site) -> User:
    """A visitor: is answered from public collections."""
    return await site.user("Vera", kind="visitor")


@pytest.fixture(autouse=True)
def own_words(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test lets the model say is forgotten after it."""
    monkeypatch.setattr(api.model, "pieces", api.model.pieces)


def let_say(api: Api, text: str) -> None:
    """Let the model say this and cite the first passage that it is shown: if it doesn't say so, that is dropped."""
    api.model.pieces = pieces(f"{text} [1]")


async def room_of(api: Api, site: Site, asker: User) -> str:
    return await site.room(api.store, asker, kind="support")


async def ask(api: Api, asker: User, room: str, question: str) -> dict[str, Any]:
    """Ask in a room, and wait for the answer."""
    return await api.answer(asker, question, room=room)


async def gaps(owner: Owner, **params: int) -> list[dict[str, Any]]:
    answer = await owner.get(GAPS, params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["gaps"]
    return found


async def write(api: Api, owner: Owner, gap: dict[str, Any], text: str, **more: Any) -> str:
    """Write the answer, which the model will repeat; returns the document's id."""
    let_say(api, text)
    messages = [question["message"] for question in gap["questions"]]
    answer = await owner.post(f"{GAPS}/{gap['id']}/answer", json={"text": text, "messages": messages, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["document"])


async def message_of(api: Api, id_: str) -> Any:
    message = await api.store.message(id_)
    assert message is not None
    return message


async def until_attempt(api: Api, id_: str, attempt: int) -> Any:
    """The answer, once this attempt of it has ended."""
    async with asyncio.timeout(DEADLINE):
        while (found := await message_of(api, id_)).attempt < attempt or found.status == "pending":
            await asyncio.sleep(POLL_SECONDS)
    return found


# --- an answer is written --------------------------------------------------------------------------------------------


async def test_a_written_answer_takes_the_place_of_the_one_that_found_nothing(
    api: Api, site: Site, owner: Owner, asker: User
) -> None:
    first_room, room = await room_of(api, site, asker), await room_of(api, site, asker)
    first = await ask(api, asker, first_room, "Do you ship to Norway?")
    latest = await ask(api, asker, room, "@Robo, how much is shipping to Norway?")
    await ask(api, asker, room, "What is the opening time?")
    gap, other = await gaps(owner)
    assert (gap["id"], gap["site"], gap["count"]) == (latest["id"], site.id, 2)
    assert gap["question"] == "how much is shipping to Norway?"
    assert gap["reasons"] == {"failed": 0, "not_found": 2, "unsupported": 0, "disliked": 0}
    assert [(each["message"], each["room"], each["reason"]) for each in gap["questions"]] == [
        (latest["id"], room, "not_found"),
        (first["id"], first_room, "not_found"),
    ]
    assert gap["last"] == gap["questions"][0]["asked"] > gap["questions"][1]["asked"]

    async with Chat(api.server.ws, access_token(asker.id)) as chat:
        await chat.hello(room)
        document = await write(api, owner, gap, "Shipping to Norway takes five days and costs nine euros.")
        await owner.until(document, "ready")
        await chat.until(lambda: chat.model.rooms[room].messages[latest["id"]]["attempt"] == 2)
        await chat.until(lambda: chat.model.rooms[room].messages[latest["id"]]["status"] == "complete")
        answer = chat.model.rooms[room].messages[latest["id"]]
    assert [source["document"] for source in answer["sources"]] == [document]
    assert (await message_of(api, first["id"])).attempt == 1, "only the latest is written anew"
    assert [each["id"] for each in await gaps(owner)] == [other["id"]]

    found = await owner.until(document, "ready")
    assert found["title"] == "how much is shipping to Norway?"
    assert (found["origin"], found["owner"]["name"]) == (f"gap:{gap['id']}", "Olga")


async def test_writing_it_again_replaces_it_and_asks_again(api: Api, site: Site, owner: Owner, asker: User) -> None:
    asked = await ask(api, asker, await room_of(api, site, asker), "Which warranty has the kettle?")
    (gap,) = await gaps(owner)
    old = await write(api, owner, gap, "The kettle has a warranty of one year.", title="Warranty of the kettle")
    await until_attempt(api, asked["id"], 2)
    new = await write(api, owner, gap, "The kettle has a warranty of two years.", title="Warranty of the kettle")
    answer = await until_attempt(api, asked["id"], 3)
    assert [source.document for source in answer.sources] == [new]
    await owner.until(new, "ready")
    problem(await owner.get(f"{DOCUMENTS}/{old}"), 404, "not_found")


async def test_an_answer_that_is_there_already_is_used_at_once(api: Api, site: Site, owner: Owner, asker: User) -> None:
    text = {"text": "The toaster has two slots.", "title": "Slots of the toaster"}
    await ask(api, asker, await room_of(api, site, asker), "How many slots has the toaster?")
    (gap,) = await gaps(owner)
    document = await write(api, owner, gap, **text)
    await owner.until(document, "ready")
    # Nothing of it is in the documents, so it is a gap of its own; the manager knows better.
    other = await ask(api, asker, await room_of(api, site, asker), "Zwei Scheiben auf einmal?")
    (gap,) = await gaps(owner)
    assert await write(api, owner, gap, **text) == document
    await until_attempt(api, other["id"], 2)


async def test_where_a_person_answers_by_now_the_question_before_is_asked_again(
    api: Api, site: Site, owner: Owner, asker: User
) -> None:
    older = await ask(api, asker, await room_of(api, site, asker), "Is the mixer loud?")
    room = await room_of(api, site, asker)
    latest = await ask(api, asker, room, "Is the mixer loud?")
    olga = await api.member("Otto", "operator", site)
    assert (await api.client(olga).post(f"/api/v1/rooms/{room}/owner")).status_code == 204
    (gap,) = await gaps(owner)
    document = await write(api, owner, gap, "The mixer is as loud as a hair dryer.", title="Is the mixer loud?")
    answer = await until_attempt(api, older["id"], 2)
    assert [source.document for source in answer.sources] == [document]
    assert (await message_of(api, latest["id"])).attempt == 1
    await owner.until(document, "ready")
    assert await gaps(owner) == []


async def test_a_gap_opens_again_when_the_new_answer_is_no_better(
    api: Api, site: Site, owner: Owner, asker: User
) -> None:
    made = await owner.post("/api/v1/collections", json={"name": "Staff", "visibility": "internal"})
    asked = await ask(api, asker, await room_of(api, site, asker), "Where is the coat check?")
    (gap,) = await gaps(owner)
    await write(api, owner, gap, "The coat check is on floor one.", collection=made.json()["id"])
    assert (await until_attempt(api, asked["id"], 2)).sources == [], "a visitor is not answered from it"
    (again,) = await gaps(owner)
    assert again["id"] == gap["id"]
    await write(api, owner, again, "The coat check is on floor one.")
    assert len((await until_attempt(api, asked["id"], 3)).sources) == 1
    assert await gaps(owner) == []


# --- what is a gap ---------------------------------------------------------------------------------------------------


async def test_each_reason_has_its_name(api: Api, site: Site, owner: Owner, asker: User) -> None:
    await owner.until(
        await owner.write("Animals", "A sloth is a slow animal. Bears are heavy. Owls see well."), "ready"
    )
    rooms = [await room_of(api, site, asker) for _ in range(3)]
    let_say(api, "A sloth is a slow animal.")
    disliked = await ask(api, asker, rooms[0], "What is a slow sloth?")
    failed = await ask(api, asker, rooms[1], "Tell me of the slow animal")
    assert await gaps(owner) == [], "they have found something, and cite it"
    let_say(api, "Zebras have stripes and live in Africa.")
    unsupported = await ask(api, asker, rooms[2], "How well do owls see?")

    async with Chat(api.server.ws, access_token(asker.id)) as chat:
        await chat.hello(rooms[0])
        await chat.command("answer.rate", message=disliked["id"], score=-1)
    execute = api.store.pool.execute
    await execute("UPDATE rooms_message SET status = 'failed', found = NULL WHERE id = $1::uuid", failed["id"])
    reasons = {each["id"]: each["questions"][0]["reason"] for each in await gaps(owner)}
    assert reasons == {disliked["id"]: "disliked", unsupported["id"]: "unsupported", failed["id"]: "failed"}

    # What is old, and what its author has deleted, is no gap.
    await execute("UPDATE rooms_message SET status = 'deleted' WHERE answer = $1::uuid", failed["id"])
    assert {each["id"] for each in await gaps(owner)} == {disliked["id"], unsupported["id"]}


async def test_a_dismissed_gap_stays_away(api: Api, site: Site, owner: Owner, asker: User) -> None:
    room = await room_of(api, site, asker)
    for _ in range(2):
        await ask(api, asker, room, "Do you like jazz?")
    await ask(api, asker, room, "Who won the cup?")
    gap, other = await gaps(owner)
    first, second = (question["message"] for question in gap["questions"])
    for messages in ([], [first, second]):
        assert (await owner.post(f"{GAPS}/{first}/dismiss", json={"messages": messages})).status_code == 204
        left = {question["message"] for each in await gaps(owner) for question in each["questions"]}
        assert left == {second, other["id"]} - set(messages)
    assert (await owner.get(GAPS, params={"limit": 1})).json()["considered"] == 1


# --- whose they are --------------------------------------------------------------------------------------------------


async def test_others_neither_see_nor_close_them(api: Api, site: Site, owner: Owner, asker: User) -> None:
    asked = await ask(api, asker, await room_of(api, site, asker), "Is the vault open?")
    other = await Site(api.store.pool, key=f"site-{uuid7().hex[20:]}").create()
    eve = as_owner(api, await api.member("Eve", "admin", other))
    vic = await other.user("Vic", kind="visitor")
    theirs = await ask(api, vic, await room_of(api, other, vic), "Where is the treasure?")
    assert [each["id"] for each in await gaps(eve)] == [theirs["id"]]
    assert [each["id"] for each in await gaps(owner)] == [asked["id"]]
    for gap, messages in ((asked, []), (theirs, [asked["id"]]), (asked, [theirs["id"]])):
        body = {"messages": messages, "text": "No."}
        for path in ("dismiss", "answer"):
            problem(await eve.post(f"{GAPS}/{gap['id']}/{path}", json=body), 404, "not_found")
    assert (await eve.get(DOCUMENTS)).json()["documents"] == []
    made = await owner.post("/api/v1/collections", json={"name": "Mine", "visibility": "public"})
    collection = made.json()
    body = {"text": "No.", "collection": collection["id"]}
    refused = await eve.post(f"{GAPS}/{theirs['id']}/answer", json=body)
    assert problem(refused, 422, "invalid")["field"] == "collection"

    # Who manages both sites sees both, never in one gap, and answers each where it was asked.
    root = as_owner(api, await site.user("Root", superuser=True))
    assert {asked["id"], theirs["id"]} <= {each["id"] for each in await gaps(root, limit=200)}
    refused = await root.post(f"{GAPS}/{theirs['id']}/answer", json=body)
    assert problem(refused, 422, "invalid")["field"] == "collection"
    both = {"text": "No.", "messages": [asked["id"]]}
    problem(await root.post(f"{GAPS}/{theirs['id']}/answer", json=both), 404, "not_found")

    for role in ("member", "operator"):
        client = api.client(await api.member("Max", role, site))
        problem(await client.get(GAPS), 403, "forbidden")
        problem(await client.post(f"{GAPS}/{asked['id']}/dismiss", json={}), 403, "forbidden")
        problem(await client.post(f"{GAPS}/{asked['id']}/answer", json={"text": "No."}), 403, "forbidden")


async def test_what_cannot_be_written_names_the_field(api: Api, site: Site, owner: Owner, asker: User) -> None:
    asked = await ask(api, asker, await room_of(api, site, asker), "Nothing?")
    refusals: list[tuple[dict[str, Any], str]] = [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": "x", "title": "x" * 501}, "title"),
        ({"text": "x", "collection": "x"}, "collection"),
        ({"text": "x", "collection": str(uuid7())}, "collection"),
        ({"text": "x", "messages": ["x"]}, "messages.0"),
        ({"text": "x", "messages": [str(uuid7())] * 1001}, "messages"),
    ]
    for body, field in refusals:
        answer = await owner.post(f"{GAPS}/{asked['id']}/answer", json=body)
        assert problem(answer, 422, "invalid")["field"] == field, body
    body = {"text": "x" * UPLOAD_BYTES + "x"}
    problem(await owner.post(f"{GAPS}/{asked['id']}/answer", json=body), 413, "too_large")
    assert len(await gaps(owner)) == 1


@pytest.mark.parametrize("query", ["days=0", "days=366", "limit=0", "limit=201"])
async def test_the_report_is_bounded(owner: Owner, query: str) -> None:
    assert problem(await owner.get(f"{GAPS}?{query}"), 422, "invalid")["field"] == query.partition("=")[0]
