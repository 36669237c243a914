"""Signing in: token pairs for apps, a session for our own pages, and credentials that are not good."""

from __future__ import annotations

import asyncio
import os
import time
import uuid

import httpx
import jwt
import pytest
from django.contrib.auth.hashers import make_password

from chatserver.config import load
from chatserver.protocol.frames import User
from chatserver.sites.tokens import Pair, Tokens
from tests.api import Api, problem
from tests.chat import Chat
from tests.credentials import access_token

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse 电池 staple"
ROOMS = "/api/v1/rooms"
NOBODY = "01a22283-2825-7952-8ccf-dc0f1676bf17"
"""An id that nothing has; the same in each process that collects these tests."""


@pytest.fixture(scope="module")
def hashed() -> str:
    """Hashing takes its time on purpose."""
    return make_password(PASSWORD)


async def someone(api: Api, hashed: str, **columns: object) -> tuple[User, str]:
    """A user with a password, and the name to sign in with."""
    user, name = await api.member("Ann"), f"ann-{uuid.uuid4().hex}"
    await api.store.pool.execute(
        "UPDATE sites_user SET username = $2, password = $3 WHERE id = $1::uuid", user.id, name, hashed
    )
    for column, value in columns.items():
        await api.store.pool.execute(f"UPDATE sites_user SET {column} = $2 WHERE id = $1::uuid", user.id, value)
    return user, name


async def signed_in(api: Api) -> tuple[User, Pair]:
    """A user of an app, without the time that a password takes."""
    user = await api.member("Ann")
    return user, await Tokens(api.store.pool, load(os.environ)).pair(user.id)


async def refresh(api: Api, token: str) -> httpx.Response:
    return await api.client().post("/api/v1/auth/refresh", json={"refresh": token})


# --- token pairs -----------------------------------------------------------------------------------------------------


async def test_a_sign_in_gives_a_pair_that_no_cache_keeps(api: Api, hashed: str) -> None:
    user, name = await someone(api, hashed)
    answer = await api.client().post("/api/v1/auth/token", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert pair["expires_in"] == 900
    claims = jwt.decode(pair["access"], options={"verify_signature": False})
    assert claims["sub"] == user.id
    assert (await api.client(Authorization=f"bearer {pair['access']}").get(ROOMS)).status_code == 200


async def test_a_wrong_password_an_unknown_name_and_an_ended_account_look_alike(api: Api, hashed: str) -> None:
    _, name = await someone(api, hashed)
    _, ended = await someone(api, hashed, is_active=False)
    _, visitor = await someone(api, hashed, kind="visitor")
    answers = await asyncio.gather(
        *(
            api.client().post("/api/v1/auth/token", json={"username": username, "password": password})
            for username, password in [
                (name, "wrong"),
                (f"x{name}", PASSWORD),
                (ended, PASSWORD),
                (visitor, PASSWORD),
                (name, PASSWORD + "\0"),
            ]
        )
    )
    first, *rest = [problem(answer, 401, "unauthenticated") for answer in answers]
    assert all(each == first for each in rest)
    assert answers[0].headers["www-authenticate"] == "Bearer"


async def test_guessing_under_one_name_is_slowed_down(api: Api) -> None:
    # A password with NUL is refused without being hashed, and counts like any other.
    guess = {"username": uuid.uuid4().hex, "password": "\0"}
    for _ in range(10):
        problem(await api.client().post("/api/v1/auth/token", json=guess), 401, "unauthenticated")
    answer = await api.client().post("/api/v1/auth/token", json={**guess, "username": guess["username"].upper()})
    body = problem(answer, 429, "rate_limited")
    assert 0 < body["retry_after"] <= 10
    assert int(answer.headers["Retry-After"]) >= body["retry_after"]


async def test_guessing_from_one_address_is_slowed_down(api: Api) -> None:
    client = api.client()
    # What comes before the proxy's own entry is hearsay: it makes no new address.
    address = client.headers.pop("X-Forwarded-For")
    statuses = [
        (
            await client.post(
                "/api/v1/auth/token",
                json={"username": uuid.uuid4().hex, "password": "\0"},
                headers={"X-Forwarded-For": f"192.0.2.{n}, {address}"},
            )
        ).status_code
        for n in range(40)
    ]
    assert statuses[:30] == [401] * 30
    assert statuses.count(429) >= 8  # it refills at one in two seconds


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_family(api: Api) -> None:
    _, first = await signed_in(api)
    second = (await refresh(api, first.refresh)).json()
    assert second["refresh"] != first.refresh
    assert (await api.client(Authorization=f"Bearer {second['access']}").get(ROOMS)).status_code == 200
    problem(await refresh(api, first.refresh), 401, "unauthenticated")
    problem(await refresh(api, second["refresh"]), 401, "unauthenticated")


async def test_of_two_refreshes_at_once_one_wins_and_the_family_ends(api: Api) -> None:
    _, pair = await signed_in(api)
    answers = await asyncio.gather(*(refresh(api, pair.refresh) for _ in range(8)))
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    problem(await refresh(api, winner["refresh"]), 401, "unauthenticated")


async def test_signing_out_ends_the_family_alone(api: Api) -> None:
    _, phone = await signed_in(api)
    _, tablet = await signed_in(api)
    second = (await refresh(api, phone.refresh)).json()
    for token in (phone.refresh, phone.refresh, "unknown"):
        answer = await api.client().post("/api/v1/auth/revoke", json={"refresh": token})
        assert answer.status_code == 204
    problem(await refresh(api, second["refresh"]), 401, "unauthenticated")
    assert (await refresh(api, tablet.refresh)).status_code == 200


async def test_a_deactivated_user_gets_no_new_pair(api: Api) -> None:
    user, pair = await signed_in(api)
    await api.store.pool.execute("UPDATE sites_user SET is_active = false WHERE id = $1::uuid", user.id)
    problem(await refresh(api, pair.refresh), 401, "unauthenticated")
    problem(await api.client(Authorization=f"Bearer {pair.access}").get(ROOMS), 401, "unauthenticated")


# --- access tokens ---------------------------------------------------------------------------------------------------


async def test_access_tokens_that_are_not_good(api: Api) -> None:
    user = await api.member("Ann")
    good = access_token(user.id)
    tokens = Tokens(api.store.pool, load(os.environ))
    header, payload, signature = good.split(".")
    claims = {"sub": user.id, "exp": time.time() + 60, "typ": "access"}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        other_use = jwt.encode(claims, os.environ["SECRET_KEY"], algorithm="HS256")
    bad = {
        "another SECRET_KEY": Tokens(api.store.pool, load({"SECRET_KEY": "other"})).access(user.id),
        "expired": tokens.access(user.id, now=time.time() - 901),
        "signed with SECRET_KEY itself": other_use,
        "unsigned": jwt.encode(claims, None, algorithm="none"),
        "of nobody": tokens.access(str(uuid.uuid4())),
        "of no id": tokens.access("ann"),
        "cut": f"{header}.{payload}.",
        "changed": f"{header}.{payload[:-2]}xx.{signature}",
        "no token": "nonsense",
        "long": "x" * 4000,
    }
    assert (await api.client(Authorization=f"Bearer {good}").get(ROOMS)).status_code == 200
    for what, token in bad.items():
        answer = await api.client(Authorization=f"Bearer {token}").get(ROOMS)
        assert problem(answer, 401, "unauthenticated"), what
    for scheme in ("", "Bearer", "Basic YTpi", good):
        problem(await api.client(Authorization=scheme).get(ROOMS), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "rooms", None),
        ("POST", "rooms", {"title": "x"}),
        ("POST", "auth/ticket", None),
        ("POST", "ask", {"question": "What is a room?"}),
        ("GET", "documents", None),
        ("POST", "documents", {"title": "x", "text": "y"}),
        ("GET", f"documents/{NOBODY}", None),
        ("GET", "collections", None),
        ("POST", "search", {"query": "x"}),
        ("GET", f"rooms/{NOBODY}/messages", None),
    ],
)
async def test_nothing_is_told_to_whoever_has_not_signed_in(
    api: Api, method: str, path: str, body: dict[str, str] | None
) -> None:
    problem(await api.client().request(method, f"/api/v1/{path}", json=body), 401, "unauthenticated")


# --- tickets ---------------------------------------------------------------------------------------------------------


async def test_a_ticket_opens_one_socket(api: Api) -> None:
    user = await api.member("Ann")
    answer = await api.client(user).post("/api/v1/auth/ticket")
    assert answer.headers["cache-control"] == "no-store"
    ticket = answer.json()["ticket"]
    async with Chat(api.server.ws, ticket) as chat:
        assert (await chat.hello())["user"]["id"] == user.id
    async with Chat(api.server.ws, ticket) as chat:
        await chat.send({"type": "hello", "id": "1", "token": ticket})
        await chat.until(lambda: chat.closed is not None)
        assert chat.closed == 4001
    problem(await api.client(Authorization=f"Bearer {ticket}").get(ROOMS), 401, "unauthenticated")


# --- the page's session ----------------------------------------------------------------------------------------------


async def test_a_page_signs_in_acts_and_signs_out(api: Api, hashed: str) -> None:
    user, name = await someone(api, hashed)
    page = api.client()
    credentials = {"username": name, "password": PASSWORD}
    problem(await page.post("/api/v1/auth/login", json=credentials), 403, "forbidden")
    await page.get("/app/")
    problem(await page.post("/api/v1/auth/login", json=credentials), 403, "forbidden")

    page.headers["X-CSRFToken"] = page.cookies["csrftoken"]
    answer = await page.post("/api/v1/auth/login", json=credentials)
    assert answer.json() == {"id": user.id, "name": "Ann"}
    assert "HttpOnly" in (cookie := _set_cookie(answer, "sessionid"))
    assert "SameSite=Lax" in cookie

    # What only reads needs no token; what changes needs the one that the sign-in gave.
    page.headers["X-CSRFToken"] = "0" * 64
    assert (await page.get(ROOMS)).status_code == 200
    problem(await page.post(ROOMS, json={"title": "x"}), 403, "forbidden")
    page.headers["X-CSRFToken"] = page.cookies["csrftoken"]
    assert (await page.post(ROOMS, json={"title": "x"})).status_code == 201
    problem(await page.post(ROOMS, json={"title": "x"}, headers={"Origin": "https://evil.example"}), 403, "forbidden")
    assert (await page.post(ROOMS, json={"title": "x"}, headers={"Origin": api.server.http})).status_code == 201

    session = page.cookies["sessionid"]
    assert (await page.post("/api/v1/auth/logout")).status_code == 204
    problem(await api.client(Cookie=f"sessionid={session}").get(ROOMS), 401, "unauthenticated")


async def test_a_session_ends_with_the_password_it_began_under(api: Api) -> None:
    user = await api.member("Ann")
    page = await api.page(user)
    assert (await page.get(ROOMS)).status_code == 200
    await api.store.pool.execute("UPDATE sites_user SET password = '!changed' WHERE id = $1::uuid", user.id)
    problem(await page.get(ROOMS), 401, "unauthenticated")


@pytest.mark.parametrize("session", ["nobody", "x" * 32, "%00", "\u00e9", "a" * 5000])
async def test_a_session_that_is_none(api: Api, session: str) -> None:
    client = api.client()
    answer = await client.get(ROOMS, headers={"Cookie": f"sessionid={session}".encode()})
    problem(answer, 401, "unauthenticated")


async def test_a_broken_bearer_is_not_healed_by_a_cookie(api: Api) -> None:
    page = await api.page(await api.member("Ann"))
    assert (await page.get(ROOMS)).status_code == 200
    problem(await page.get(ROOMS, headers={"Authorization": "Bearer old"}), 401, "unauthenticated")


def _set_cookie(answer: httpx.Response, name: str) -> str:
    (found,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]
    return found
