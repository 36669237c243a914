"""The edge of the socket - handshakes, frames, credentials, limits - as docs/protocol.md says, over a real server."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chatserver.config import Config, config
from chatserver.database import Pool
from chatserver.ids import uuid7
from chatserver.protocol.frames import FRAME_BYTES, TEXT_CHARS, User
from chatserver.sites import models
from chatserver.sites.tokens import Tokens
from tests.api import Api
from tests.chat import Chat, Frame, Refused
from tests.credentials import access_token

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "01932b5e-0000-7000-8000-000000000001"
_addresses = itertools.count(1)


def chat(api: Api, user: User | None = None, *, token: str | None = None, **options: Any) -> Chat:
    """A socket from an address of its own, so that no limit that counts by address is met by accident."""
    n = next(_addresses)
    headers = {"X-Forwarded-For": f"10.1.{n // 256}.{n % 256}", **options.pop("headers", {})}
    return Chat(
        api.server.ws, token or (access_token(user.id) if user else None), additional_headers=headers, **options
    )


async def closed(socket: Chat) -> tuple[int | None, Frame]:
    """The close code, and the last object before it."""
    await socket.until(lambda: socket.closed is not None)
    return socket.closed, socket.frames[-1]


async def answer_to(socket: Chat, frame: Frame | str | bytes) -> Frame:
    """Send a frame that is refused; returns the `error`."""
    errors = sum(seen["type"] == "error" for seen in socket.frames)
    await socket.send(frame)
    await socket.until(lambda: sum(seen["type"] == "error" for seen in socket.frames) > errors)
    return next(seen for seen in reversed(socket.frames) if seen["type"] == "error")


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


# --- hello and credentials -------------------------------------------------------------------------------------------


async def refused_hello(socket: Chat, error: str, code: int) -> None:
    with pytest.raises(Refused) as caught:
        await socket.command("hello")
    assert caught.value.code == error
    assert await closed(socket) == (code, {**socket.frames[-1], "type": "bye", "code": code})


async def test_another_command_first_is_a_violation(api: Api) -> None:
    async with chat(api) as socket:
        with pytest.raises(Refused, match="unauthenticated"):
            await socket.command("ping")
        assert (await closed(socket))[0] == 4002


async def test_bad_frames_before_hello_do_not_use_it_up(api: Api) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.send("{")
        await ann.send(b"binary")
        await ann.hello()
        assert [frame["type"] for frame in ann.frames[:3]] == ["error", "error", "welcome"]


async def test_no_hello_in_time(api: Api) -> None:
    async with chat(api) as socket:
        code, last = await closed(socket)
        assert (code, last["code"]) == (4004, 4004)


def tokens(**fields: Any) -> Tokens:
    settings = config()
    values = {name: getattr(settings, name) for name in Config.__struct_fields__} | fields
    return Tokens(cast(Pool, None), Config(**values))


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "t_nonsense", "é", "NUL\0"])
async def test_wrong_credentials(api: Api, token: str) -> None:
    async with chat(api) as socket:
        socket._token = None
        with pytest.raises(Refused) as caught:
            await socket.command("hello", token=token)
        if caught.value.code == "invalid":  # what no database holds; the socket stays
            assert "\0" in token
        else:
            assert caught.value.code == "unauthenticated"
            assert (await closed(socket))[0] == 4001


async def test_an_expired_token(api: Api) -> None:
    user = await api.member("Ann")
    old = tokens().access(user.id, now=time.time() - config().access_token_seconds - 1)
    foreign = tokens(secret_key="another").access(user.id)
    nobody = access_token(str(uuid7()))
    for token in (old, foreign, nobody):
        async with chat(api) as socket:
            with pytest.raises(Refused, match="unauthenticated"):
                await socket.command("hello", token=token)
            assert (await closed(socket))[0] == 4001


async def test_no_credentials(api: Api) -> None:
    async with chat(api) as socket:
        await refused_hello(socket, "unauthenticated", 4001)


async def test_a_token_that_expires_while_the_socket_is_open(api: Api) -> None:
    user = await api.member("Ann")
    token = tokens().access(user.id, now=time.time() - config().access_token_seconds + 2)
    async with chat(api, token=token) as ann:
        welcome = await ann.hello()
        assert welcome["expires"]
        code, last = await closed(ann)
        assert (code, last["type"], last["code"]) == (4001, "bye", 4001)


async def test_refreshed_credentials_keep_it_open(api: Api) -> None:
    user, other = await api.member("Ann"), await api.member("Bob")
    token = tokens().access(user.id, now=time.time() - config().access_token_seconds + 3)
    async with chat(api, token=token) as ann:
        expires = (await ann.hello())["expires"]
        for wrong, code in ((access_token(other.id), "forbidden"), ("nonsense", "unauthenticated")):
            with pytest.raises(Refused, match=code):
                await ann.command("auth.refresh", token=wrong)
        renewed = (await ann.command("auth.refresh", token=access_token(user.id)))["expires"]
        assert renewed > expires
        async with asyncio.timeout(20):
            while datetime.now(UTC) < datetime.fromisoformat(expires) + timedelta(seconds=1):
                await ann.command("ping")
                await asyncio.sleep(0.1)
        assert ann.closed is None


async def test_a_bearer_in_the_handshake_beats_the_token(api: Api) -> None:
    user, other = await api.member("Ann"), await api.member("Bob")
    headers = {"Authorization": f"Bearer {access_token(user.id)}"}
    async with chat(api, other, headers=headers) as ann:
        assert (await ann.hello())["user"] == {"id": user.id, "name": "Ann", "kind": "user"}


async def session_cookie(api: Api, user: User) -> str:
    """A session as Django's login makes it."""
    key = uuid.uuid4().hex
    said = {
        SESSION_KEY: user.id,
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: models.User(password="!").get_session_auth_hash(),
    }
    await api.store.pool.execute(
        "INSERT INTO django_session(session_key, session_data, expire_date) VALUES ($1, $2, now() + interval '1 day')",
        key,
        SessionStore().encode(said),
    )
    return f"sessionid={key}"


async def test_a_cookie_counts_from_our_own_origin_alone(api: Api) -> None:
    user = await api.member("Ann")
    cookie = {"Cookie": await session_cookie(api, user)}
    async with chat(api, headers=cookie, origin=api.server.http) as ann:
        assert (await ann.hello())["user"]["id"] == user.id
    for origin in (None, "https://shop.example"):
        async with chat(api, headers=cookie, origin=origin) as socket:
            await refused_hello(socket, "unauthenticated", 4001)


async def test_a_ticket_is_good_once(api: Api) -> None:
    user = await api.member("Ann")
    ticket = (await api.client(user).post("/api/v1/auth/ticket")).json()["ticket"]
    async with chat(api, token=ticket) as ann:
        assert (await ann.hello())["user"]["id"] == user.id
    async with chat(api) as socket:
        with pytest.raises(Refused, match="unauthenticated"):
            await socket.command("hello", token=ticket)
        assert (await closed(socket))[0] == 4001


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_too_many_messages_are_refused_with_a_time(api: Api) -> None:
    user = await api.member("Ann")
    room = await api.site.room(api.store, user, policy="off")
    async with chat(api, user) as ann:
        limit = (await ann.hello(room))["limits"]["sends_per_minute"]
        outcomes = await asyncio.gather(*(ann.ask(room, f"{n}") for n in range(limit + 20)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert len(outcomes) - len(refused) >= limit
        assert refused
        for error in refused:
            assert error.code == "rate_limited"
            assert error.frame["retry_after"] > 0
        assert ann.closed is None


async def test_too_many_sockets_of_a_user(api: Api) -> None:
    user = await api.member("Ann")
    open_ = [chat(api, user) for _ in range(config().sockets_per_user)]
    try:
        for one in open_:
            await one.__aenter__()
        await asyncio.gather(*(one.hello() for one in open_))
        async with chat(api, user) as ann:
            with pytest.raises(Refused, match="rate_limited") as caught:
                await ann.hello()
            assert caught.value.frame["retry_after"] > 0
            code, last = await closed(ann)
            assert (code, last["code"]) == (4029, 4029)
            assert last["retry_after"] > 0
    finally:
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in open_))
    # Their places are free again when the server has seen them go.
    async with asyncio.timeout(20):
        while True:
            async with chat(api, user) as again:
                try:
                    await again.hello()
                    break
                except Refused:
                    await asyncio.sleep(0.05)


async def test_a_flood_of_commands_is_refused_then_cut(api: Api) -> None:
    async with chat(api, await api.member("Ann")) as ann:
        await ann.hello()
        try:
            for n in range(3000):
                await ann.send({"type": "ping", "id": str(n)})
        except OSError:
            pass
        code, last = await closed(ann)
        assert code == 4029
        assert (last["type"], last["code"]) == ("bye", 4029)
        assert any(f["type"] == "error" and f["code"] == "rate_limited" and f["retry_after"] > 0 for f in ann.frames)
