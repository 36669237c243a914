"""Who a socket belongs to, for how long, and how many it may be - as docs/protocol.md says, over a real server."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from chatserver.config import Config, config
from chatserver.database import Pool
from chatserver.ids import uuid7
from chatserver.protocol.frames import User
from chatserver.sites import models
from chatserver.sites.tokens import Tokens
from tests.api import Api
from tests.chat import Chat, Refused
from tests.credentials import access_token
from tests.sockets import chat, closed

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
