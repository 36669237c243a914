"""Every command of docs/protocol.md over a real server: its `ok`, and what the others see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.protocol.frames import COMMANDS, User
from tests.api import ANSWER, Api
from tests.chat import Chat, Frame, Refused
from tests.socket.test_sockets import chat

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRIED: set[str] = set()


@asynccontextmanager
async def two_in_a_room(api: Api, policy: Any = "off") -> AsyncIterator[tuple[Tried, Tried, str]]:
    """Ann, who owns the room, and Bob, both in it."""
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = await api.site.room(api.store, ann, bob, policy=policy, title="Lobby")
    async with tried(api, ann) as first, tried(api, bob) as second:
        await first.hello(room)
        await second.hello(room)
        yield first, second, room


class Tried(Chat):
    """A socket that remembers which commands had an `ok`."""

    async def command(self, type_: str, **fields: Any) -> Frame:
        answer = await super().command(type_, **fields)
        TRIED.add(type_)
        return answer


def tried(api: Api, user: User) -> Tried:
    plain = chat(api, user)
    return Tried(api.server.ws, plain._token, **plain._options)


async def event(socket: Chat, type_: str, matches: Callable[[Frame], bool] = lambda frame: True) -> Frame:
    """The first event of a type that matches, sooner or later."""

    def found() -> Frame | None:
        return next((f for f in socket.frames if f["type"] == type_ and "re" not in f and matches(f)), None)

    await socket.until(lambda: found() is not None)
    frame = found()
    assert frame is not None
    return frame


async def test_hello_welcomes_and_resumes(api: Api) -> None:
    async with two_in_a_room(api) as (ann, bob, room):
        welcome = next(frame for frame in ann.frames if frame["type"] == "welcome")
        assert welcome["heartbeat"] == 25
        assert welcome["limits"] == {"frame_bytes": 32768, "text_chars": 16000, "sends_per_minute": 100}
        (entry,) = welcome["rooms"]
        assert (entry["room"], entry["title"], entry["role"], entry["unread"]) == (room, "Lobby", "owner", 0)
        changes = await event(bob, "room.changes")
        assert changes["reset"]
        assert changes["meta"]["title"] == "Lobby"
        assert {member["name"] for member in changes["members"]} == {"Ann", "Bob"}
        await event(ann, "room.presence", lambda frame: frame["online"] and frame["user"] != welcome["user"]["id"])


async def test_a_resumed_room_that_is_not_mine_is_gone_and_the_rest_goes_on(api: Api) -> None:
    ann, eve = await api.member("Ann"), await api.member("Eve")
    mine, theirs = await api.site.room(api.store, ann), await api.site.room(api.store, eve)
    async with chat(api, ann) as socket:
        await socket.hello(theirs, mine)
        assert [(f["type"], f.get("room")) for f in socket.frames if f["type"].startswith(("room.c", "room.g"))] == [
            ("room.gone", theirs),
            ("room.changes", mine),
        ]
        assert (await event(socket, "room.gone"))["code"] == "not_found"


async def test_join_sync_and_leave(api: Api) -> None:
    user = await api.member("Ann")
    room = await api.site.room(api.store, user, policy="off")
    async with tried(api, user) as ann, tried(api, user) as desk:
        await ann.hello()
        await desk.hello(room)
        await desk.ask(room, "before")
        await ann.command("room.join", room=room)
        changes = await event(ann, "room.changes")
        assert [message["text"] for message in changes["messages"]] == ["before"]
        await ann.command("room.join", room=room, rev=changes["rev"])  # twice is harmless
        await ann.command("room.sync", room=room, rev=0)
        await ann.until(lambda: sum(frame["type"] == "room.changes" for frame in ann.frames) == 3)
        assert [frame.get("reset", False) for frame in ann.frames if frame["type"] == "room.changes"][1] is False

        await ann.command("room.leave", room=room)
        await desk.ask(room, "after")
        summary = await event(ann, "room.summary")
        assert (summary["room"], summary["last"]["text"]) == (room, "after")
        assert not [frame for frame in ann.frames if frame["type"] == "message" and frame["message"]["text"] == "after"]


@pytest.mark.parametrize("command", ["room.join", "room.sync", "room.history", "message.send", "room.typing"])
async def test_a_room_of_others_is_not_found(api: Api, command: str) -> None:
    eve = await api.member("Eve")
    room = await api.site.room(api.store, await api.member("Ann"))
    fields = {"before": 5, "cid": "c", "text": "Hi", "on": True}
    async with chat(api, eve) as socket:
        await socket.hello()
        with pytest.raises(Refused, match="not_found"):
            await socket.command(command, room=room, **fields)


async def test_history_goes_back_page_by_page(api: Api) -> None:
    async with two_in_a_room(api) as (ann, bob, room):
        for n in range(5):
            await ann.ask(room, f"message {n}")
        page = await bob.command("room.history", room=room, before=2**53 - 1, limit=3)
        assert [message["text"] for message in page["messages"]] == ["message 4", "message 3", "message 2"]
        assert page["more"]
        rest = await bob.command("room.history", room=room, before=page["messages"][-1]["seq"])
        assert [message["text"] for message in rest["messages"]] == ["message 1", "message 0"]
        assert not rest["more"]


async def test_send_edit_delete(api: Api) -> None:
    async with two_in_a_room(api) as (ann, bob, room):
        sent = await ann.ask(room, "你好 🙂", cid="k1")
        assert sent["duplicate"] is False
        assert "answer" not in sent
        again = await ann.ask(room, "你好 🙂", cid="k1")
        assert {**again, "re": sent["re"], "duplicate": False} == sent
        with pytest.raises(Refused, match="conflict"):
            await ann.ask(room, "another text", cid="k1")
        seen = await bob.until_status(room, sent["message"], "complete")
        assert (seen["text"], seen["cid"], seen["seq"]) == ("你好 🙂", "k1", sent["seq"])

        reply = await bob.ask(room, "And you?", reply_to=sent["message"])
        assert (await ann.until_status(room, reply["message"], "complete"))["reply_to"] == sent["message"]
        with pytest.raises(Refused, match="forbidden"):
            await bob.command("message.edit", message=sent["message"], text="mine now")

        edited = await ann.command("message.edit", message=sent["message"], text="Hello")
        assert edited["rev"] > sent["seq"]
        assert (await ann.command("message.edit", message=sent["message"], text="Hello"))["rev"] == edited["rev"]
        change = await event(bob, "message", lambda frame: frame["rev"] == edited["rev"])
        assert (change["message"]["text"], change["message"]["seq"]) == ("Hello", sent["seq"])
        assert change["message"]["edited"]

        deleted = await ann.command("message.delete", message=reply["message"])  # she owns the room
        tombstone = await bob.until_status(room, reply["message"], "deleted")
        assert (tombstone["rev"], tombstone["text"]) == (deleted["rev"], "")
        assert (await ann.command("message.delete", message=reply["message"]))["rev"] == deleted["rev"]
        with pytest.raises(Refused, match="conflict"):
            await bob.command("message.edit", message=reply["message"], text="back again")


async def test_an_answer_is_announced_streamed_rated_and_retried(api: Api) -> None:
    async with two_in_a_room(api, "always") as (ann, bob, room):
        sent = await ann.ask(room, "What is a room?")
        finals = [await socket.until_status(room, sent["answer"], "complete") for socket in (ann, bob)]
        assert finals[0] == finals[1]
        assert finals[0]["text"] == ANSWER
        assert finals[0]["author"]["kind"] == "assistant"
        assert [source["n"] for source in finals[0]["sources"]] == [1]
        order = [f["type"] for f in bob.frames if f["type"].startswith("answer.") and f["message"] == sent["answer"]]
        assert order[-1] == "answer.delta"
        assert "answer.stage" in order

        await bob.command("answer.rate", message=sent["answer"], score=1, comment="Good")
        await bob.command("answer.rate", message=sent["answer"], score=-1)
        with pytest.raises(Refused, match="invalid"):
            await bob.command("answer.rate", message=sent["message"], score=1)

        retried = await ann.command("answer.retry", message=sent["answer"], attempt=finals[0]["attempt"])
        assert retried["attempt"] == 2
        with pytest.raises(Refused, match="conflict"):
            await ann.command("answer.retry", message=sent["answer"], attempt=finals[0]["attempt"])
        final = await event(
            bob, "message", lambda f: (f["message"]["status"], f["message"]["attempt"]) == ("complete", 2)
        )
        assert final["message"]["text"] == ANSWER


async def test_asking_where_the_assistant_waits_to_be_mentioned(api: Api) -> None:
    async with two_in_a_room(api, "mention") as (ann, _, room):
        assert "answer" not in await ann.ask(room, "Just among us")
        asked = await ann.ask(room, "What is a room?", ask=True)
        assert (await ann.until_status(room, asked["answer"], "complete"))["text"] == ANSWER
    async with two_in_a_room(api, "always") as (ann, _, room):
        assert "answer" not in await ann.ask(room, "Just among us", ask=False)


async def test_stop_by_the_questions_cid_ends_it_for_all(api: Api) -> None:
    api.model.rate, before = 5.0, api.model.rate  # slow enough to be stopped
    try:
        async with two_in_a_room(api, "always") as (ann, bob, room):
            sent = await ann.ask(room, "What is a room?", cid="q")
            await event(bob, "answer.delta", lambda frame: frame["message"] == sent["answer"])
            await ann.command("answer.stop", room=room, cid="q")
            final = await bob.until_status(room, sent["answer"], "stopped")
            assert ANSWER.startswith(final["text"])
            await ann.command("answer.stop", message=sent["answer"])  # what is over may be stopped again
            with pytest.raises(Refused, match="not_found"):
                await ann.command("answer.stop", room=room, cid="never sent")
    finally:
        api.model.rate = before


async def test_typing_and_reading_are_seen_by_the_others(api: Api) -> None:
    async with two_in_a_room(api) as (ann, bob, room):
        sent = await ann.ask(room, "Read this")
        await bob.command("room.typing", room=room, on=True)
        await bob.command("room.typing", room=room, on=False)
        typing = [await event(ann, "room.typing", lambda f, on=on: f["on"] is on) for on in (True, False)]  # type: ignore[misc]
        assert [frame["room"] for frame in typing] == [room, room]

        await bob.until_status(room, sent["message"], "complete")
        await bob.command("room.read", room=room, seq=sent["seq"])
        await bob.command("room.read", room=room, seq=0)  # only grows
        assert (await event(ann, "room.read"))["seq"] == sent["seq"]
        you = await event(bob, "room.you")
        assert (you["room"], you["read"], you["unread"]) == (room, sent["seq"], 0)


async def test_commands_of_one_room_take_effect_in_their_order(api: Api) -> None:
    async with two_in_a_room(api) as (ann, bob, room):
        sends = await asyncio.gather(*(ann.ask(room, f"{n}") for n in range(30)))
        assert [ok["seq"] for ok in sends] == sorted(ok["seq"] for ok in sends)
        await bob.until_status(room, sends[-1]["message"], "complete")
        seen = [f["message"]["text"] for f in bob.frames if f["type"] == "message"]
        assert seen == [f"{n}" for n in range(30)]


async def test_commands_right_behind_hello_are_answered_after_it(api: Api) -> None:
    user = await api.member("Ann")
    room = await api.site.room(api.store, user, policy="off")
    async with tried(api, user) as ann:
        welcome, ok = await asyncio.gather(ann.hello(), ann.ask(room, "early"))
        assert [frame.get("re") for frame in ann.frames if "re" in frame] == [welcome["re"], ok["re"]]


async def test_refresh_and_ping(api: Api) -> None:
    user = await api.member("Ann")
    async with tried(api, user) as ann:
        expires = (await ann.hello())["expires"]
        assert (await ann.command("auth.refresh", token=ann._token))["expires"] == expires
        assert (await ann.command("ping")).keys() == {"type", "re"}


async def test_every_command_was_tried(request: pytest.FixtureRequest) -> None:
    """The last of this module: a command that is added needs a test above."""
    here = [item for item in request.session.items if item.path == request.path]
    if len(here) < 15 or here[-1].name != request.node.name:
        pytest.skip("only a part of the module runs")
    assert {str(command.__struct_config__.tag) for command in COMMANDS} == TRIED
