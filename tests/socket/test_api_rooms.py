"""Rooms, members and history over HTTP."""

from __future__ import annotations

import pytest

from chatserver.ids import uuid7
from tests.api import Api, problem
from tests.records import draft

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_created_room_is_in_the_list_of_its_members_alone(api: Api) -> None:
    ann, bob, eve = await api.member("Ann"), await api.member("Bob"), await api.member("Eve")
    created = await api.client(ann).post(
        "/api/v1/rooms", json={"title": "  Our \n plans ", "policy": "mention", "members": [bob.id, bob.id]}
    )
    assert created.status_code == 201
    room = created.json()
    assert (room["title"], room["kind"], room["policy"], room["role"]) == ("Our plans", "group", "mention", "owner")
    (listed,) = (await api.client(bob).get("/api/v1/rooms")).json()["rooms"]
    assert (listed["room"], listed["role"]) == (room["room"], "member")
    assert (await api.client(eve).get("/api/v1/rooms")).json() == {"rooms": [], "more": False}


async def test_the_list_is_by_latest_activity_and_says_when_there_is_more(api: Api) -> None:
    ann = await api.member("Ann")
    quiet = await api.site.room(api.store, ann, policy="off", title="Quiet")
    lively = await api.site.room(api.store, ann, policy="off", title="Lively")
    await api.site.room(api.store, ann, policy="off", title="Third")
    await api.store.append(draft(quiet, ann, "1"))
    await api.store.append(draft(lively, ann, "2"))
    found = (await api.client(ann).get("/api/v1/rooms", params={"limit": 2})).json()
    assert [room["title"] for room in found["rooms"]] == ["Lively", "Quiet"]
    assert found["more"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": " \n "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "x", "policy": "sometimes"}, "policy"),
        ({"title": "x", "members": ["nobody"]}, "members.0"),
        ({"title": "x", "members": [str(uuid7())]}, "members"),
        ({"title": "x", "members": [str(uuid7())] * 101}, "members"),
        ({"title": "x", "kind": "direct"}, "members"),
        ({"title": "x", "kind": "support"}, "kind"),
        ({}, "title"),
    ],
)
async def test_a_refused_room_names_the_field(api: Api, body: dict[str, object], field: str) -> None:
    ann = await api.member("Ann")
    assert problem(await api.client(ann).post("/api/v1/rooms", json=body), 422, "invalid")["field"] == field


async def test_rooms_are_not_made_in_a_site_of_others(api: Api) -> None:
    ann = await api.member("Ann")
    answer = await api.client(ann).post("/api/v1/rooms", json={"title": "x", "site": api.other.id})
    problem(answer, 403, "forbidden")
    stranger = await api.member("Stranger", site=api.other)
    answer = await api.client(ann).post("/api/v1/rooms", json={"title": "x", "members": [stranger.id]})
    assert stranger.id in problem(answer, 422, "invalid")["detail"]


async def test_whoever_belongs_to_no_site_makes_no_room(api: Api) -> None:
    nobody = await api.site.user("Nobody")
    problem(await api.client(nobody).post("/api/v1/rooms", json={"title": "x"}), 403, "forbidden")


async def test_another_ones_room_looks_as_if_it_were_not_there(api: Api) -> None:
    ann, eve = await api.member("Ann"), await api.member("Eve")
    room = f"/api/v1/rooms/{await api.site.room(api.store, ann)}"
    missing = f"/api/v1/rooms/{uuid7()}"
    client = api.client(eve)
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/members", {"user": eve.id}),
        ("DELETE", f"/members/{ann.id}", None),
        ("DELETE", f"/members/{eve.id}", None),
        ("POST", "/owner", None),
        ("DELETE", "/owner", None),
    ]:
        theirs = await client.request(method, room + path, json=body)
        none = await client.request(method, missing + path, json=body)
        assert problem(theirs, 404, "not_found") == problem(none, 404, "not_found"), (method, path)


async def test_a_member_reads_but_does_not_manage(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = f"/api/v1/rooms/{await api.site.room(api.store, ann, bob)}"
    client = api.client(bob)
    assert (await client.get(room)).json()["role"] == "member"
    problem(await client.patch(room, json={"title": "Mine"}), 403, "forbidden")
    problem(await client.delete(room), 403, "forbidden")
    problem(await client.post(f"{room}/members", json={"user": bob.id, "role": "owner"}), 403, "forbidden")
    problem(await client.delete(f"{room}/members/{ann.id}"), 403, "forbidden")


async def test_an_owner_changes_invites_removes_and_deletes(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = f"/api/v1/rooms/{await api.site.room(api.store, ann)}"
    owner, other = api.client(ann), api.client(bob)

    changed = (await owner.patch(room, json={"title": "New", "policy": "off"})).json()
    assert (changed["title"], changed["policy"]) == ("New", "off")
    assert (await owner.patch(room, json={})).json()["title"] == "New"

    assert (await owner.post(f"{room}/members", json={"user": bob.id})).status_code == 204
    assert (await owner.post(f"{room}/members", json={"user": bob.id, "role": "moderator"})).status_code == 204
    assert (await other.get(room)).json()["role"] == "moderator"
    problem(await owner.post(f"{room}/members", json={"user": bob.id, "role": "king"}), 422, "invalid")

    assert (await owner.delete(f"{room}/members/{bob.id}")).status_code == 204
    problem(await other.get(room), 404, "not_found")
    problem(await owner.delete(f"{room}/members/{bob.id}"), 404, "not_found")

    assert (await owner.delete(room)).status_code == 204
    problem(await owner.get(room), 404, "not_found")


async def test_a_member_leaves(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = f"/api/v1/rooms/{await api.site.room(api.store, ann, bob)}"
    assert (await api.client(bob).delete(f"{room}/members/{bob.id}")).status_code == 204
    problem(await api.client(bob).get(room), 404, "not_found")


async def test_the_last_owner_does_not_leave_the_others_alone(api: Api) -> None:
    ann, bob = await api.member("Ann"), await api.member("Bob")
    room = f"/api/v1/rooms/{await api.site.room(api.store, ann, bob)}"
    client = api.client(ann)
    problem(await client.delete(f"{room}/members/{ann.id}"), 409, "conflict")
    assert (await client.post(f"{room}/members", json={"user": bob.id, "role": "owner"})).status_code == 204
    assert (await client.delete(f"{room}/members/{ann.id}")).status_code == 204


async def test_history_pages_back_to_the_first_message(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann, policy="off")
    for n in range(7):
        await api.store.append(draft(room, ann, f"c{n}", f"text {n}"))
    client, texts, before = api.client(ann), [], 2**53 - 1
    for expected in (3, 3, 1):
        page = (await client.get(f"/api/v1/rooms/{room}/messages", params={"before": before, "limit": 3})).json()
        assert len(page["messages"]) == expected
        assert page["more"] == (expected == 3)
        texts += [message["text"] for message in page["messages"]]
        before = page["messages"][-1]["seq"]
    assert texts == [f"text {n}" for n in reversed(range(7))]
    assert (await client.get(f"/api/v1/rooms/{room}/messages", params={"before": 0})).json() == {
        "messages": [],
        "more": False,
    }


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=x", "before=-1", f"before={2**63}", "before=", "before=1e400"]
)
async def test_a_page_that_cannot_be_is_refused(api: Api, query: str) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann)
    answer = await api.client(ann).get(f"/api/v1/rooms/{room}/messages?{query}")
    assert problem(answer, 422, "invalid")["field"] == query.partition("=")[0]


@pytest.mark.parametrize("room", ["nothing", "0", "a" * 32, "%00", "%ff", "%ed%a0%80", "x" * 3000])
async def test_what_is_no_room_id_is_not_found(api: Api, room: str) -> None:
    client = api.client(await api.member("Ann"))
    for path in (f"/api/v1/rooms/{room}", f"/api/v1/rooms/{room}/messages", f"/api/v1/rooms/{uuid7()}/members/{room}"):
        problem(await client.delete(path), 404, "not_found")


async def test_an_operator_takes_a_support_room_over_and_gives_it_back(api: Api) -> None:
    visitor, operator = await api.site.user("Visitor", kind="visitor"), await api.member("Olga", "operator")
    second = await api.member("Otto", "operator")
    room = f"/api/v1/rooms/{await api.site.room(api.store, visitor, kind='support')}"
    client = api.client(operator)
    assert (await client.post(f"{room}/owner")).status_code == 204
    assert (await client.get(room)).json()["role"] == "moderator"
    problem(await api.client(second).post(f"{room}/owner"), 409, "conflict")
    assert (await client.delete(f"{room}/owner")).status_code == 204
    assert (await api.client(second).post(f"{room}/owner")).status_code == 204
