"""The widget's opening call, from pages of listed and other origins, by new, returning and vouched-for visitors."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio

from chatserver.protocol.frames import User
from chatserver.rooms.changing import CONVERSATIONS_MAX
from tests.api import Api, problem
from tests.chat import Chat, Refused
from tests.records import Site, draft

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP = "https://shop.example"
SECRET = "secret-secret-secret-secret-secret"


async def call(api: Api, origin: str | None = SHOP, **body: Any) -> httpx.Response:
    headers = {"Origin": origin} if origin is not None else {}
    return await api.client().post("/api/v1/widget/session", json={"site": "test", **body}, headers=headers)


async def opened(api: Api, **body: Any) -> dict[str, Any]:
    answer = await call(api, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def user_of(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    """Whom the ticket signs in."""
    async with Chat(api.server.ws, session["ticket"], additional_headers={"Origin": SHOP}) as chat:
        user: dict[str, Any] = (await chat.hello(session["room"]))["user"]
        return user


def identity(subject: str, secret: str = SECRET, **claims: Any) -> str:
    return jwt.encode({"sub": subject, "exp": time.time() + 600, **claims}, secret, algorithm="HS256")


async def test_a_new_visitor_gets_a_ticket_a_room_and_the_sites_looks(api: Api) -> None:
    answer = await call(api)
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["cache-control"] == "no-store"
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers
    session = answer.json()
    assert session.keys() == {"ticket", "visitor", "room", "site"}
    assert session["site"] == {
        "name": "Test",
        "assistant": "Robo",
        "greeting": "Hello!",
        "suggestions": [],
        "theme": {},
        "locale": "en",
    }
    async with Chat(api.server.ws, session["ticket"], additional_headers={"Origin": SHOP}) as chat:
        welcome = await chat.hello(session["room"])
        assert welcome["user"]["kind"] == "visitor"
        assert [(room["room"], room["kind"]) for room in welcome["rooms"]] == [(session["room"], "support")]
        sent = await chat.ask(session["room"], "What is a room?")
        final = await chat.until_status(session["room"], sent["answer"], "complete")
        assert final["author"]["name"] == "Robo"
        assert [source["title"] for source in final["sources"]] == ["Rooms"]


async def test_a_ticket_is_good_once_and_for_its_origin(api: Api) -> None:
    session = await opened(api)
    await user_of(api, session)
    with pytest.raises((Refused, ConnectionError)):
        await user_of(api, session)
    stolen = await opened(api)
    async with Chat(api.server.ws, stolen["ticket"], additional_headers={"Origin": "https://other.example"}) as chat:
        with pytest.raises((Refused, ConnectionError)):
            await chat.hello()


async def test_a_returning_visitor_finds_the_same_room(api: Api) -> None:
    first = await opened(api)
    again = await opened(api, visitor=first["visitor"])
    assert (again["visitor"], again["room"]) == (first["visitor"], first["room"])
    assert again["ticket"] != first["ticket"]
    assert await user_of(api, again) == await user_of(api, first)
    assert (await opened(api))["room"] != first["room"]


async def test_a_visitors_token_that_nobody_has_makes_a_new_visitor(api: Api) -> None:
    first = await opened(api)
    for token in ("", "unknown", first["ticket"], None):
        other = await opened(api, visitor=token)
        assert other["room"] != first["room"]
        assert other["visitor"] not in ("", token)


async def test_a_visitors_token_is_good_in_its_own_site_alone(api: Api) -> None:
    first = await opened(api)
    answer = await call(api, "https://other.example", site="other", visitor=first["visitor"])
    assert answer.json()["room"] != first["room"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        "https://shop.example.evil.example",
        "https://shop.example:444",
        "https://shop.example/",
        "http://shop.example",
        "null",
        "",
        None,
    ],
)
async def test_a_page_of_another_origin_is_refused_and_may_read_why(api: Api, origin: str | None) -> None:
    answer = await call(api, origin)
    problem(answer, 403, "forbidden")
    assert answer.headers.get("access-control-allow-origin") == (origin or None)


async def test_an_unknown_and_a_closed_site(api: Api) -> None:
    problem(await call(api, site="nothing"), 404, "not_found")
    problem(await call(api, site="No Slug\n"), 404, "not_found")
    closed = await Site(api.store.pool, key=f"closed-{uuid.uuid4().hex[:8]}").create((SHOP,))
    session = await opened(api, site=closed.key)
    await api.store.pool.execute("UPDATE sites_site SET closed = true WHERE id = $1::uuid", closed.id)
    problem(await call(api, site=closed.key), 403, "forbidden")
    async with Chat(api.server.ws, session["ticket"], additional_headers={"Origin": SHOP}) as chat:
        with pytest.raises((Refused, ConnectionError)):
            await chat.hello()


async def test_a_browser_may_ask_first(api: Api) -> None:
    answer = await api.client().options(
        "/api/v1/widget/session",
        headers={
            "Origin": SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "content-type" in answer.headers["access-control-allow-headers"]


async def test_a_refused_body_may_be_read_by_the_page_too(api: Api) -> None:
    answer = await api.client().post("/api/v1/widget/session", json={"site": 7}, headers={"Origin": SHOP})
    assert problem(answer, 422, "invalid")["field"] == "site"
    assert answer.headers["access-control-allow-origin"] == SHOP


async def test_many_visitors_of_one_address_are_slowed_down(api: Api) -> None:
    client = api.client()
    answers = [
        await client.post("/api/v1/widget/session", json={"site": "nothing"}, headers={"Origin": SHOP})
        for _ in range(25)
    ]
    assert [answer.status_code for answer in answers[:20]] == [404] * 20
    assert problem(answers[-1], 429, "rate_limited")["retry_after"] > 0
    assert answers[-1].headers["access-control-allow-origin"] == SHOP


# --- how a site looks ------------------------------------------------------------------------------------------------


async def look(api: Api, site: str, origin: str = SHOP) -> httpx.Response:
    return await api.client().get("/api/v1/widget/site", params={"site": site}, headers={"Origin": origin})


async def test_a_page_learns_how_the_site_looks_and_no_visitor_is_made(api: Api) -> None:
    before = await api.store.pool.fetchval("SELECT count(*) FROM sites_visitor")
    answer = await look(api, "test")
    assert answer.status_code == 200
    assert set(answer.json()) == {"name", "theme", "locale"}
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "max-age" in answer.headers["cache-control"]
    assert await api.store.pool.fetchval("SELECT count(*) FROM sites_visitor") == before


async def test_a_page_of_another_origin_learns_why_there_is_no_widget(api: Api) -> None:
    answer = await look(api, "test", "https://elsewhere.example")
    assert "origin" in problem(answer, 403, "forbidden")["detail"]
    assert answer.headers["access-control-allow-origin"] == "https://elsewhere.example"
    assert "max-age" not in answer.headers.get("cache-control", "")
    problem(await look(api, "nothing"), 404, "not_found")


# --- conversations ---------------------------------------------------------------------------------------------------


async def test_a_fresh_conversation_is_a_new_room_once_something_was_said(api: Api) -> None:
    first = await opened(api)
    visitor = first["visitor"]
    assert (await opened(api, visitor=visitor, fresh=True))["room"] == first["room"], "nothing was said there"
    async with Chat(api.server.ws, first["ticket"], additional_headers={"Origin": SHOP}) as chat:
        await chat.hello(first["room"])
        await chat.ask(first["room"], "Hello", ask=False)
        second = await opened(api, visitor=visitor, fresh=True)
        assert second["room"] != first["room"]
        # The visitor's other windows hear of it.
        await chat.until(
            lambda: second["room"] in [f["room"]["room"] for f in chat.frames if f["type"] == "room.added"]
        )
        assert (await opened(api, visitor=visitor))["room"] == second["room"]
        await chat.ask(first["room"], "Back here", ask=False)
        assert (await opened(api, visitor=visitor))["room"] == first["room"], "where something was said last"
        assert (await opened(api, visitor=visitor, fresh=True))["room"] == second["room"]


async def test_two_windows_that_start_anew_at_once_share_the_room(api: Api) -> None:
    session = await opened(api)
    async with Chat(api.server.ws, session["ticket"], additional_headers={"Origin": SHOP}) as chat:
        await chat.hello(session["room"])
        await chat.ask(session["room"], "Hello", ask=False)
    rooms = await asyncio.gather(*(opened(api, visitor=session["visitor"], fresh=True) for _ in range(5)))
    assert len({room["room"] for room in rooms}) == 1
    assert rooms[0]["room"] != session["room"]


async def test_a_visitors_conversations_are_bounded(api: Api) -> None:
    session = await opened(api)
    user = (await user_of(api, session))["id"]
    visitor = User(id=user, name="", kind="visitor")
    await api.store.append(draft(session["room"], visitor, "1", ask=False))
    for number in range(CONVERSATIONS_MAX - 1):
        room, made = await api.store.support_room(api.site.id, user, f"Room {number}", fresh=True)
        assert made
        await api.store.append(draft(room, visitor, "1", ask=False))
    refused = problem(await call(api, visitor=session["visitor"], fresh=True), 409, "conflict")
    assert "50 conversations" in refused["detail"]
    assert (await opened(api, visitor=session["visitor"]))["room"] == room


# --- languages -------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def roaster(api: Api) -> Site:
    site = await Site(api.store.pool, key=f"roaster-{uuid.uuid4().hex[:8]}").create((SHOP,))
    texts = {"zh-CN": {"greeting": "你好！", "suggestions": ["几点开门？"]}, "de": {"greeting": "Moin!"}}
    await api.store.pool.execute(
        "UPDATE sites_site SET suggestions = $2, texts = $3 WHERE id = $1::uuid",
        *(site.id, ["When do you open, please?"], json.dumps(texts)),
    )
    return site


@pytest.mark.parametrize(
    ("locale", "greeting", "suggestion"),
    [
        (None, "Hello!", "When do you open, please?"),
        ("en-GB", "Hello!", "When do you open, please?"),
        ("zh-CN", "你好！", "几点开门？"),
        ("zh-tw", "你好！", "几点开门？"),
        ("de-AT", "Moin!", "When do you open, please?"),
        ("fr", "Hello!", "When do you open, please?"),
        ("%$", "Hello!", "When do you open, please?"),
    ],
)
async def test_a_site_speaks_the_visitors_language(
    api: Api, roaster: Site, locale: str | None, greeting: str, suggestion: str
) -> None:
    said = (await opened(api, site=roaster.key, locale=locale))["site"]
    assert (said["greeting"], said["suggestions"]) == (greeting, [suggestion])


# --- identities ------------------------------------------------------------------------------------------------------


async def test_whom_the_site_vouches_for_is_one_visitor_on_every_device(api: Api) -> None:
    subject = uuid.uuid4().hex
    phone = await opened(api, identity=identity(subject, name="Ann 安"))
    laptop = await opened(api, identity=identity(subject, name="Ann 安"))
    assert phone["room"] == laptop["room"]
    user = await user_of(api, laptop)
    assert (user["name"], user["kind"]) == ("Ann 安", "visitor")


async def test_an_anonymous_visitor_keeps_the_history_when_signed_in(api: Api) -> None:
    before = await opened(api)
    after = await opened(api, visitor=before["visitor"], identity=identity(uuid.uuid4().hex))
    assert after["room"] == before["room"]
    # The next person at that browser is somebody else.
    assert (await opened(api, visitor=before["visitor"]))["room"] != before["room"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: identity("7", secret="x" * 32), "signed with the site's secret"),
        (lambda: identity("7", exp=time.time() - 120), "expired"),
        (lambda: identity("7", exp=time.time() + 86_400), "one hour"),
        (lambda: identity("7", exp="soon"), "no HS256 JWT"),
        (lambda: identity("7", iat=time.time() + 600), "future"),
        (lambda: identity(""), "1 to 255"),
        (lambda: identity("x" * 256), "1 to 255"),
        (lambda: identity("7", name=["Ann"]), "must be text"),
        (lambda: identity("7", name="\ud800"), "must be text"),
        (lambda: identity("a\0b"), "must be text"),
        (lambda: jwt.encode({"sub": "7"}, SECRET, algorithm="HS256"), "exp is missing"),
        (lambda: jwt.encode({"exp": 2_000_000_000}, SECRET, algorithm="HS256"), "sub is missing"),
        (lambda: jwt.encode({"sub": "7", "exp": time.time() + 60}, None, algorithm="none"), "no HS256 JWT"),
        (lambda: "nonsense", "no HS256 JWT"),
        (lambda: "ü.ü.ü", "no HS256 JWT"),
        (lambda: identity("7", exp=1e400), "no HS256 JWT"),
    ],
)
async def test_an_identity_that_proves_nothing_says_why(api: Api, make: Callable[[], str], says: str) -> None:
    # Made only now: since the tests were collected, one for ten minutes may have expired.
    answer = problem(await call(api, identity=make()), 422, "invalid")
    assert answer["field"] == "identity"
    assert says in answer["detail"]
