"""Questions over plain HTTP: the answer as server-sent events, or a problem before they begin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from chatserver.ids import uuid7
from chatserver.providers.scripted import ScriptedServer, pieces
from tests.api import ANSWER, Api, problem
from tests.chat import Chat
from tests.credentials import access_token
from tests.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASK = "/api/v1/ask"
QUESTION = "What is a room?"

type Event = tuple[str, dict[str, Any]]


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    """As a client of WHATWG HTML 9.2 reads them."""
    name, data = "", ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif not line and data:
            yield name, json.loads(data)
            name, data = "", ""


async def asked(client: httpx.AsyncClient, **body: Any) -> list[Event]:
    async with client.stream("POST", ASK, json={"question": QUESTION, **body}) as response:
        if response.status_code != 200:
            await response.aread()
            raise AssertionError(response.text)
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-store"
        return [event async for event in events(response)]


def check(found: list[Event]) -> dict[str, Any]:
    """The rules of one whole answer; returns its message."""
    names = [name for name, _ in found]
    assert all(name == frame["type"] for name, frame in found)
    assert names[-1] == "message"
    deltas = [frame for name, frame in found if name == "answer.delta"]
    assert [frame["n"] - frame.get("merged", 1) for frame in deltas] == [0, *(frame["n"] for frame in deltas[:-1])]
    message: dict[str, Any] = found[-1][1]["message"]
    assert "".join(frame["text"] for frame in deltas) == message["text"]
    assert {frame["message"] for name, frame in found if name != "message"} == {message["id"]}
    first_delta = names.index("answer.delta")
    assert "answer.stage" not in names[first_delta:]
    return message


async def test_an_answer_outside_rooms(api: Api) -> None:
    found = await asked(api.client(await api.member("Ann")))
    message = check(found)
    assert message["status"] == "complete"
    assert message["text"] == ANSWER
    assert message["author"]["kind"] == "assistant"
    assert [(source["n"], source["title"]) for source in message["sources"]] == [(1, "Rooms")]
    stages = [frame["stage"] for name, frame in found if name == "answer.stage"]
    assert (stages[0], stages[-1]) == ("searching", "writing")
    announced = [frame["sources"] for name, frame in found if name == "answer.stage" and "sources" in frame]
    assert [source["title"] for source in announced[-1]] == ["Rooms"]


async def test_an_answer_in_a_room_is_stored_and_seen_by_all(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = await api.site.room(api.store, ann, bob, policy="mention")
    async with Chat(api.server.ws, access_token(bob.id)) as chat:
        await chat.hello(room)
        message = check(await asked(api.client(ann), room=room))
        seen = await chat.until_status(room, message["id"], "complete")
        assert seen == message
    history = (await api.client(bob).get(f"/api/v1/rooms/{room}/messages")).json()["messages"]
    assert [(each["text"], each["author"]["name"]) for each in history] == [(ANSWER, "Robo"), (QUESTION, "Ann")]


async def test_the_second_question_of_a_room_gets_its_own_events(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann)
    first = check(await asked(api.client(ann), room=room))
    second = check(await asked(api.client(ann), room=room))
    assert first["id"] != second["id"]


async def test_what_no_document_knows_is_not_asked_of_the_model(api: Api) -> None:
    asked_before = api.model.chats
    message = check(await asked(api.client(await api.member("Ann")), question="Who won the chess championship?"))
    assert message["sources"] == []
    assert message["text"]
    assert api.model.chats == asked_before


async def test_nobody_is_answered_from_another_sites_documents(api: Api) -> None:
    message = check(await asked(api.client(await api.member("Eve", site=api.other))))
    assert message["sources"] == []


async def test_one_collection_is_chosen_by_its_name(api: Api) -> None:
    ann = await api.member("Ann")
    assert check(await asked(api.client(ann), collection="Rooms"))["sources"]
    for nothing in ("rooms", str(uuid7()), "\u202e"):
        problem(await api.client(ann).post(ASK, json={"question": QUESTION, "collection": nothing}), 404, "not_found")
    eve = await api.member("Eve", site=api.other)
    problem(await api.client(eve).post(ASK, json={"question": QUESTION, "collection": "Rooms"}), 404, "not_found")


async def test_what_cannot_be_asked_is_a_problem_before_the_stream(api: Api) -> None:
    ann, eve = await api.member("Ann"), await api.member("Eve")
    room = await api.site.room(api.store, ann)
    client = api.client(ann)

    async def refused(status: int, code: str, who: httpx.AsyncClient = client, **body: Any) -> dict[str, Any]:
        return problem(await who.post(ASK, json={"question": QUESTION, **body}), status, code)

    assert (await refused(422, "invalid", question=" \n "))["field"] == "question"
    assert (await refused(422, "invalid", question="x" * 16_001))["field"] == "question"
    assert (await refused(422, "invalid", room="nothing"))["field"] == "room"
    assert (await refused(422, "invalid", room=room, collection="Rooms"))["field"] == "collection"
    await refused(404, "not_found", room=str(uuid7()))
    await refused(404, "not_found", who=api.client(eve), room=room)
    assert await api.store.history(room, 2**53, 10) == ([], False)


async def test_a_room_whose_operator_answers_is_a_conflict(api: Api) -> None:
    visitor, operator = await api.site.user("Visitor", kind="visitor"), await api.member("Olga", "operator")
    room = await api.site.room(api.store, visitor, kind="support")
    assert (await api.client(operator).post(f"/api/v1/rooms/{room}/owner")).status_code == 204
    answer = await api.client(visitor).post(ASK, json={"question": QUESTION, "room": room})
    problem(answer, 409, "conflict")


async def test_asking_too_much_is_a_problem_that_says_when_to_come_back(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann, policy="off")
    client = api.client(ann)
    # Refused after it was counted, so that no answer has to be written.
    body = {"question": QUESTION, "collection": "nothing"}

    async def refused(body: dict[str, str], meanwhile: int) -> None:
        """What was asked too often, whichever way: time gives some of it back while a slow machine asks."""
        for _ in range(200):
            answer = await client.post(ASK, json=body)
            if answer.status_code != meanwhile:
                break
        assert problem(answer, 429, "rate_limited")["retry_after"] > 0

    await refused(body, 404)
    await refused({"question": QUESTION, "room": room}, 409)


# --- ends that are none ----------------------------------------------------------------------------------------------


@contextmanager
def slow(model: ScriptedServer, tokens: int, rate: float) -> Iterator[None]:
    """The model takes `tokens / rate` seconds for its answers."""
    before = model.pieces, model.rate
    model.pieces, model.rate = pieces(" ".join(f"word{n}" for n in range(tokens))), rate
    try:
        yield
    finally:
        model.pieces, model.rate = before


async def first_delta(response: httpx.Response) -> dict[str, Any]:
    async for name, frame in events(response):
        if name == "answer.delta":
            return frame
    raise AssertionError("no delta came")


async def test_who_leaves_closes_the_stream_of_the_model(api: Api) -> None:
    client, aborted = api.client(await api.member("Ann")), api.model.aborted
    with slow(api.model, 10_000, 50):
        async with client.stream("POST", ASK, json={"question": QUESTION}) as response:
            await first_delta(response)
        await api.model.until_aborted(aborted + 1)
    check(await asked(client))


async def test_who_leaves_an_answer_in_a_room_finds_it_later(api: Api) -> None:
    ann = await api.member("Ann")
    room, aborted = await api.site.room(api.store, ann), api.model.aborted
    with slow(api.model, 40, 50):
        async with api.client(ann).stream("POST", ASK, json={"question": QUESTION, "room": room}) as response:
            answer = (await first_delta(response))["message"]
        async with Chat(api.server.ws, access_token(ann.id)) as chat:
            await chat.hello(room)
            final = await chat.until_status(room, answer, "complete")
    assert final["text"].endswith("word39")
    assert api.model.aborted == aborted


async def test_a_member_who_is_removed_sees_no_more_of_the_answer(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = await api.site.room(api.store, ann, bob)
    with slow(api.model, 500, 50):
        async with api.client(bob).stream("POST", ASK, json={"question": QUESTION, "room": room}) as response:
            found = events(response)
            async for name, frame in found:
                if name == "answer.delta":
                    answer = frame["message"]
                    break
            assert (await api.client(ann).delete(f"/api/v1/rooms/{room}/members/{bob.id}")).status_code == 204
            *_, (name, frame) = [event async for event in found]
        assert (name, frame["code"]) == ("error", "not_found")
        async with Chat(api.server.ws, access_token(ann.id)) as chat:
            await chat.hello(room)
            await chat.command("answer.stop", message=answer)


async def test_an_answer_that_is_stopped_elsewhere_ends_with_its_text_so_far(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann)
    async with Chat(api.server.ws, access_token(ann.id)) as chat:
        await chat.hello(room)
        with slow(api.model, 500, 50):
            async with api.client(ann).stream("POST", ASK, json={"question": QUESTION, "room": room}) as response:
                found = events(response)
                async for name, frame in found:
                    if name == "answer.delta":
                        await chat.command("answer.stop", message=frame["message"])
                        break
                *_, (name, frame) = [event async for event in found]
    assert (name, frame["message"]["status"]) == ("message", "stopped")
    assert frame["message"]["text"].startswith("word0")


async def test_a_model_that_fails_ends_as_an_error_object(api: Api) -> None:
    ann = await api.member("Ann")
    async with (
        ScriptedServer(endings=("code_text", "eof")) as upstream,
        Server({**api.environ, "LLM_BASE_URL": upstream.base_url}) as server,
    ):
        client = api.client(ann)
        client.base_url = server.http  # type: ignore[assignment]
        for _ in ("before its first word", "amid its text"):
            name, frame = (await asked(client))[-1]
            assert (name, frame["code"]) == ("error", "unavailable")
            assert frame["message"]
            assert "Traceback" not in frame["message"]
