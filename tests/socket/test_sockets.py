"""The edge of the socket - handshakes and frames - as docs/protocol.md says, over a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chatserver.protocol.frames import FRAME_BYTES, TEXT_CHARS
from tests.api import Api
from tests.chat import Refused
from tests.sockets import answer_to, chat, closed

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "01932b5e-0000-7000-8000-000000000001"


# --- handshakes ------------------------------------------------------------------------------------------------------


async def status(api: Api, path: str = "/ws", **options: Any) -> int:
    """HTTP status of a handshake: 101 when it opens."""
    try:
        async with connect(api.server.ws.removesuffix("/ws") + path, compression=None, **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (["chat.v1.json"], 101),
        (["chat.v9.json", "chat.v1.json"], 101),
        (["chat.v2.json"], 403),
        (["CHAT.V1.JSON"], 403),
        (None, 403),
    ],
    ids=str,
)
async def test_a_client_must_offer_the_subprotocol(api: Api, offered: Any, expected: int) -> None:
    assert await status(api, subprotocols=offered) == expected


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/x", "/other"])
async def test_there_is_one_path(api: Api, path: str) -> None:
    assert await status(api, path, subprotocols=["chat.v1.json"]) == 403


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("{own}", 101),
        ("https://shop.example", 101),
        ("https://shop.example:443", 403),
        ("https://evil.example", 403),
        ("http://shop.example", 403),
        ("https://shop.example:8443", 403),
        ("https://shop.example.evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 400),  # autobahn refuses these before the application is asked
        ("file://", 400),
        ("{own}/page", 403),
        ("{own}@evil.example", 403),
    ],
)
async def test_an_origin_must_be_ours_or_that_of_a_site(api: Api, origin: str, expected: int) -> None:
    origin = origin.format(own=api.server.http)
    assert await status(api, subprotocols=["chat.v1.json"], origin=origin) == expected


# --- frames ----------------------------------------------------------------------------------------------------------


def frame(**fields: Any) -> str:
    return json.dumps({"type": "room.typing", "id": "x", "room": ROOM, "on": True} | fields)


@pytest.mark.parametrize(
    ("sent", "code", "re"),
    [
        ("", "bad_frame", None),
        ("hello", "bad_frame", None),
        ("{", "bad_frame", None),
        ("null", "bad_frame", None),
        ("[]", "bad_frame", None),
        ('"ping"', "bad_frame", None),
        ('{"id":"x"}', "bad_frame", "x"),
        ('{"type":7,"id":"x"}', "bad_frame", "x"),
        ('{"type":"ping","id":"x"}{"type":"ping","id":"y"}', "bad_frame", None),
        ('{"type":"ping","id":"x"}\n{"type":"ping","id":"y"}', "bad_frame", None),
        ('{"type":"ping","extra":' + "[" * 16_000 + "]" * 16_000 + "}", "bad_frame", None),
        ('{"type":"room.tpying","id":"x"}', "unknown_type", "x"),
        ('{"type":"ok","id":"x","re":"1"}', "unknown_type", "x"),
        ('{"type":"ping"}', "invalid", None),
        ('{"type":"ping","id":""}', "invalid", None),
        ('{"type":"ping","id":7}', "invalid", None),
        (json.dumps({"type": "ping", "id": "x" * 65}), "invalid", None),
        (frame(room="nowhere"), "invalid", "x"),
        (frame(room=ROOM.upper()), "invalid", "x"),
        (frame(room=None), "invalid", "x"),
        (frame(on="yes"), "invalid", "x"),
        (frame(on=None), "invalid", "x"),
        (frame(type="room.join", rev=-1), "invalid", "x"),
        (frame(type="room.join", rev=1.5), "invalid", "x"),
        (frame(type="room.join", rev=2**53), "invalid", "x"),
        (frame(type="room.history", before=1, limit=101), "invalid", "x"),
        (frame(type="message.send", text="x"), "invalid", "x"),
        (frame(type="message.send", cid="c"), "invalid", "x"),
        (frame(type="message.send", cid="c", text=""), "invalid", "x"),
        (frame(type="message.send", cid="c", text=" \n "), "invalid", "x"),
        (frame(type="message.send", cid="c" * 65, text="x"), "invalid", "x"),
        (frame(type="message.send", cid="c", text="x" * (TEXT_CHARS + 1)), "invalid", "x"),
        (frame(type="message.send", cid="c", text="NUL \0"), "invalid", "x"),
        (frame(type="message.send", cid="c\0", text="x"), "invalid", "x"),
        (frame(type="message.send", cid="c", text="half \ud83d"), "invalid", "x"),
        (frame(type="answer.rate", message=ROOM, score=2), "invalid", "x"),
        (frame(type="answer.stop", room=ROOM), "invalid", "x"),
        (frame(type="answer.stop"), "invalid", "x"),
        (frame(pad="x" * FRAME_BYTES), "too_large", None),
        ('{"type":"ping","id":"x","pad":"' + "你" * (FRAME_BYTES // 3) + '"}', "too_large", "x"),
        (b'{"type":"ping","id":"x"}', "bad_frame", None),
        (b"\x00\xff", "bad_frame", None),
        (frame(), "not_found", "x"),
        (frame(type="message.edit", message=ROOM, text="x"), "not_found", "x"),
        (frame(type="hello"), "conflict", "x"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_a_bad_frame_is_told_and_the_socket_stays(api: Api, sent: str | bytes, code: str, re: str | None) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        error = await answer_to(ann, sent)
        assert (error["type"], error["code"], error.get("re")) == ("error", code, re)
        assert error["message"]
        await ann.command("ping")


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (frame(room="nowhere"), "room"),
        ('{"type":"room.typing","id":"x","on":true}', "room"),
        (frame(type="message.send", cid="c", text="NUL \0"), "text"),
        (json.dumps({"type": "hello", "id": "x", "rooms": [{"room": ROOM}, {"room": 7}]}), "rooms[1].room"),
        (json.dumps({"type": "hello", "id": "x", "rooms": [{"room": ROOM}] * 201}), "rooms"),
    ],
)
async def test_invalid_names_the_field(api: Api, sent: str, field: str) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        error = await answer_to(ann, sent)
        assert error["code"] == "invalid"
        assert error["message"].startswith((f"{field}:", f"`{field}`:")), error["message"]


async def test_unknown_fields_are_ignored(api: Api) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        assert (await ann.command("ping", colour="green", half="\ud83d"))["type"] == "ok"


async def test_ten_bad_frames_close_the_socket(api: Api) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        for _ in range(9):
            await ann.send("{")
        await ann.send(b"binary")
        code, last = await closed(ann)
        assert (code, last["type"], last["code"]) == (4002, "bye", 4002)
        assert sum(frame.get("code") == "bad_frame" for frame in ann.frames) == 10


async def test_what_a_newer_client_says_does_not_close_it(api: Api) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        for n in range(30):
            with pytest.raises(Refused, match="unknown_type"):
                await ann.command("room.dance", step=n)


async def test_text_that_is_no_utf8_ends_the_socket_and_nothing_else(api: Api) -> None:
    user = await api.member("Ann")
    async with chat(api, user) as ann:
        await ann.hello()
        await ann._socket.send(b'{"type":"ping","id":"\xff"}', text=True)
        await ann.until(lambda: ann.closed is not None)
        assert ann.closed in (1006, 1007)
    async with chat(api, user) as again:
        await again.hello()
