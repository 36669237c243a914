"""Who one is, and whom one may invite."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chatserver.protocol.frames import User
from tests.api import Api, problem
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

ME = "/api/v1/auth/me"
PEOPLE = "/api/v1/people"


async def names(api: Api, user: User, **params: Any) -> list[str]:
    answer = await api.client(user).get(PEOPLE, params=params)
    assert answer.status_code == 200, answer.text
    return [person["name"] for person in answer.json()["people"]]


async def lonely(api: Api) -> Site:
    """A site of this test's own."""
    return await Site(api.store.pool, key=f"site-{uuid.uuid4().hex[:8]}").create()


async def test_everybody_learns_who_they_are(api: Api) -> None:
    ann = await api.member("Ann", "admin")
    await api.other.join(ann)
    answer = await api.client(ann).get(ME)
    assert answer.headers["cache-control"] == "no-store"
    me = answer.json()
    assert (me["id"], me["name"], me["kind"], me["admin"]) == (ann.id, "Ann", "user", True)
    assert {(site["id"], site["role"], site["assistant"]) for site in me["sites"]} == {
        (api.site.id, "admin", "Robo"),
        (api.other.id, "member", "Robo"),
    }
    bob = await api.member("Bob", "operator")
    assert (await (await api.page(bob)).get(ME)).json()["admin"] is False
    root = await api.site.user("Root", superuser=True)
    said = (await api.client(root).get(ME)).json()
    assert said["admin"]
    assert {site["role"] for site in said["sites"]} == {"admin"}
    assert len(said["sites"]) >= 2
    problem(await api.client().get(ME), 401, "unauthenticated")
    problem(await api.client(Authorization="Bearer x").get(ME), 401, "unauthenticated")


async def test_sites_suggest_questions_in_the_language_asked_for(api: Api) -> None:
    site = await lonely(api)
    await api.store.pool.execute(
        "UPDATE sites_site SET locale = 'en', suggestions = $2, texts = $3::jsonb WHERE id = $1::uuid",
        site.id,
        ["When are you open?"],
        '{"zh-CN": {"suggestions": ["几点营业？"]}}',
    )
    ann = await api.member("Ann", site=site)
    for locale, suggestions in {
        "": ["When are you open?"],
        "zh-TW": ["几点营业？"],
        "fr": ["When are you open?"],
    }.items():
        me = (await api.client(ann).get(ME, params={"locale": locale})).json()
        assert [entry["suggestions"] for entry in me["sites"]] == [suggestions]


async def test_people_are_found_by_the_beginning_of_a_word(api: Api) -> None:
    site = await lonely(api)
    ann = await api.member("Ann", site=site)
    for name in ("Mary Ann Smith", "José", "王小明", "100%_\\sure", "Zoë"):
        await api.member(name, site=site)
    await site.user("Anonymous", kind="visitor")
    gone = await api.member("Annika", site=site)
    await api.store.pool.execute("UPDATE sites_user SET is_active = false WHERE id = $1::uuid", gone.id)
    assert await names(api, ann, q="") == sorted(["100%_\\sure", "José", "Mary Ann Smith", "Zoë", "王小明"])
    assert await names(api, ann, q="ANN") == ["Mary Ann Smith"]
    assert await names(api, ann, q=" smi ") == ["Mary Ann Smith"]
    assert await names(api, ann, q="nn") == []
    assert await names(api, ann, q="王") == ["王小明"]
    assert await names(api, ann, q="100%_\\") == ["100%_\\sure"]
    assert await names(api, ann, q="%") == []
    assert await names(api, ann, q="josé-") == ["José"], "by the user name"
    page = (await api.client(ann).get(PEOPLE, params={"limit": 2})).json()
    assert (len(page["people"]), page["more"]) == (2, True)
    assert page["people"][0].keys() == {"id", "name", "kind", "username"}


async def test_whoever_is_in_the_room_is_left_out_and_only_its_owner_asks(api: Api) -> None:
    site = await lonely(api)
    ann, bob, carl = [await api.member(name, site=site) for name in ("Ann", "Bob", "Carl")]
    room = await site.room(api.store, ann, bob)
    assert await names(api, ann, room=room) == ["Carl"]
    problem(await api.client(bob).get(PEOPLE, params={"room": room}), 403, "forbidden")
    problem(await api.client(carl).get(PEOPLE, params={"room": room}), 404, "not_found")
    answer = await api.client(ann).post(f"/api/v1/rooms/{room}/members", json={"user": carl.id})
    assert answer.status_code == 204
    assert await names(api, ann, room=room) == []


async def test_sites_do_not_see_each_other(api: Api) -> None:
    one, two = await lonely(api), await lonely(api)
    ann, bob = await api.member("Ann", site=one), await api.member("Bob", site=two)
    both = await api.member("Both", site=one)
    await two.join(both)
    assert await names(api, ann) == ["Both"]
    assert await names(api, both) == ["Ann", "Bob"]
    assert await names(api, both, site=two.id) == ["Bob"]
    problem(await api.client(ann).get(PEOPLE, params={"site": two.id}), 403, "forbidden")
    nobody = await one.user("Nobody")
    assert await names(api, nobody) == []
    visitor = await one.user("Visitor", kind="visitor")
    problem(await api.client(visitor).get(PEOPLE), 403, "forbidden")
    problem(await api.client().get(PEOPLE), 401, "unauthenticated")
    root = await one.user("Root", superuser=True)
    assert await names(api, root, site=two.id) == ["Bob", "Both"]
    assert bob.name in await names(api, root, q="bob", limit=50)


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "room=x", "site=1", f"q={'x' * 101}", "q=%00"])
async def test_what_cannot_be_asked_is_refused(api: Api, query: str) -> None:
    answer = await api.client(await api.member("Ann")).get(f"{PEOPLE}?{query}")
    assert problem(answer, 422, "invalid")["field"] == query.partition("=")[0]


async def test_the_last_owner_may_leave_only_when_nobody_is_left_behind(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = await api.site.room(api.store, ann, bob)
    members = f"/api/v1/rooms/{room}/members"
    refused = problem(await api.client(ann).delete(f"{members}/{ann.id}"), 409, "conflict")
    assert refused["detail"] == "Make somebody else an owner first."
    assert (await api.client(bob).delete(f"{members}/{bob.id}")).status_code == 204
    assert (await api.client(ann).delete(f"{members}/{ann.id}")).status_code == 204
