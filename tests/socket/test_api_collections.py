"""Collections, who may read them, and how they go. No worker: what is searched is put into the index by the tests."""

from __future__ import annotations

from typing import Any

import pytest

from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.rag.types import Passage
from tests.api import Api, problem
from tests.owner import COLLECTIONS, DOCUMENTS, Owner, as_owner
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def make(owner: Owner, name: str = "Manuals", visibility: str = "public", **more: Any) -> dict[str, Any]:
    answer = await owner.post(COLLECTIONS, json={"name": name, "visibility": visibility, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def fill(api: Api, collection: str, word: str, documents: int) -> None:
    """Ready documents of one passage, in the records and in the index."""
    rows = [(uuid7(), uuid7(), uuid7().bytes) for _ in range(documents)]
    await api.store.pool.executemany(
        """INSERT INTO knowledge_document(id, collection_id, title, origin, media_type, content_hash, file, text, size,
                                          status, error, done, total, created, updated)
           VALUES ($1, $2::uuid, 'Filled', '', 'text/markdown', $3, '', '', 0, 'ready', '', 1, 1, now(), now())""",
        [(document, collection, digest) for document, _, digest in rows],
    )
    passages = [
        Passage(
            chunk=str(chunk),
            document=str(document),
            collection=collection,
            title="Filled",
            text=f"{word} {digest.hex()}",
        )
        for document, chunk, digest in rows
    ]
    await LanceIndex(api.environ["INDEX_URL"]).add(passages)


# --- made and changed ------------------------------------------------------------------------------------------------


async def test_a_collection_is_listed_as_it_was_made(api: Api, site: Site, owner: Owner) -> None:
    ann, bob = await api.member("ann", "member", site), await api.member("Bob", "operator", site)
    made = await make(owner, "  Staff \n manual ", "restricted", readers=[bob.id, ann.id])
    assert made == {
        "id": made["id"],
        "site": site.id,
        "site_name": "Test",
        "name": "Staff manual",
        "visibility": "restricted",
        "readers": [{"id": ann.id, "name": "ann"}, {"id": bob.id, "name": "Bob"}],
        "documents": 0,
    }
    await owner.write("Rules", "Be kind.", collection=made["id"])
    await owner.write("More", "Be brave.", collection=made["id"])
    other = await make(owner, "Another")
    assert await owner.collections() == [other, {**made, "documents": 2}]


async def test_each_part_changes_alone(api: Api, site: Site, owner: Owner) -> None:
    ann, bob = await api.member("Ann", "member", site), await api.member("Bob", "member", site)
    made = await make(owner, readers=[ann.id])
    for change in (
        {"name": "Handbooks"},
        {"visibility": "restricted"},
        {"readers": [bob.id]},
        {"readers": []},
        {"name": "Guides", "visibility": "internal", "readers": [ann.id, ann.id]},
        {},
    ):
        answer = await owner.patch(f"{COLLECTIONS}/{made['id']}", json=change)
        assert answer.status_code == 200, answer.text
        names = {ann.id: "Ann", bob.id: "Bob"}
        if "readers" in change:
            change["readers"] = [{"id": id_, "name": names[id_]} for id_ in sorted(set(change["readers"]))]
        made |= change
        assert answer.json() == made
    assert await owner.collections() == [made]


async def test_a_name_is_there_once_in_a_site(api: Api, owner: Owner) -> None:
    await make(owner, "One")
    two = await make(owner, "Two")
    problem(await owner.post(COLLECTIONS, json={"name": "One", "visibility": "public"}), 409, "conflict")
    problem(await owner.patch(f"{COLLECTIONS}/{two['id']}", json={"name": "One"}), 409, "conflict")
    elsewhere = await Site(api.store.pool, key=f"site-{uuid7().hex[20:]}").create()
    await make(as_owner(api, await api.member("Eve", "admin", elsewhere)), "One")
    assert [each["name"] for each in await owner.collections()] == ["One", "Two"]


async def test_a_site_has_so_many_and_no_more(api: Api, site: Site, owner: Owner) -> None:
    await api.store.pool.execute(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created)
           SELECT gen_random_uuid(), $1::uuid, 'C' || n, 'public', now() FROM generate_series(1, 200) n""",
        site.id,
    )
    problem(await owner.post(COLLECTIONS, json={"name": "One more", "visibility": "public"}), 409, "conflict")


async def test_only_users_of_the_site_become_readers(api: Api, site: Site, owner: Owner) -> None:
    ann = await api.member("Ann", "member", site)
    stranger, visitor = await api.member("Sam"), await site.user("Vera", kind="visitor")
    made = await make(owner, "Restricted", "restricted", readers=[ann.id])
    for readers in ([stranger.id], [visitor.id], [ann.id, str(uuid7())]):
        for answer in (
            await owner.patch(f"{COLLECTIONS}/{made['id']}", json={"readers": readers}),
            await owner.post(COLLECTIONS, json={"name": "Other", "visibility": "restricted", "readers": readers}),
        ):
            assert problem(answer, 422, "invalid")["field"] == "readers"
    assert await owner.collections() == [made]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"visibility": "public"}, "name"),
        ({"name": "x"}, "visibility"),
        ({"name": "", "visibility": "public"}, "name"),
        ({"name": " \n", "visibility": "public"}, "name"),
        ({"name": "x" * 151, "visibility": "public"}, "name"),
        ({"name": "a\0b", "visibility": "public"}, "name"),
        ({"name": "x", "visibility": "secret"}, "visibility"),
        ({"name": "x", "visibility": "public", "site": str(uuid7())}, "site"),
        ({"name": "x", "visibility": "public", "readers": ["x"]}, "readers.0"),
        ({"name": "x", "visibility": "public", "readers": [str(uuid7())] * 201}, "readers"),
    ],
)
async def test_a_refused_collection_names_the_field(owner: Owner, body: dict[str, Any], field: str) -> None:
    assert problem(await owner.post(COLLECTIONS, json=body), 422, "invalid")["field"] == field
    assert await owner.collections() == []


# --- deleted ---------------------------------------------------------------------------------------------------------


async def test_a_deleted_collection_takes_its_documents_along(api: Api, owner: Owner) -> None:
    before = set(api.uploads.iterdir()) if api.uploads.exists() else set()
    gone, stays = await make(owner, "Gone"), await make(owner, "Stays")
    # More than one page of the deletion.
    await fill(api, gone["id"], "pangolin", 501)
    await fill(api, stays["id"], "pangolin", 1)
    waiting = await owner.write("Waiting", "A pangolin waits.", collection=gone["id"])
    assert len(await owner.search("pangolin", k=50)) > 1
    assert (await owner.delete(f"{COLLECTIONS}/{gone['id']}")).status_code == 204
    assert [each["collection"] for each in await owner.search("pangolin", k=50)] == [stays["id"]]
    assert [each["id"] for each in await owner.collections()] == [stays["id"]]
    assert (await owner.get(DOCUMENTS, params={"collection": gone["id"]})).json()["documents"] == []
    problem(await owner.get(f"{DOCUMENTS}/{waiting}"), 404, "not_found")
    assert await LanceIndex(api.environ["INDEX_URL"]).lexical("pangolin", [gone["id"]], 10) == []
    assert set(api.uploads.iterdir()) == before
    problem(await owner.delete(f"{COLLECTIONS}/{gone['id']}"), 404, "not_found")
    refused = await owner.post(DOCUMENTS, json={"title": "x", "text": "y", "collection": gone["id"]})
    assert problem(refused, 422, "invalid")["field"] == "collection"


# --- whose they are --------------------------------------------------------------------------------------------------


async def test_others_neither_see_nor_change_them(api: Api, site: Site, owner: Owner) -> None:
    ann = await api.member("Ann", "member", site)
    made = await make(owner, "Board", "restricted", readers=[ann.id])
    elsewhere = await Site(api.store.pool, key=f"site-{uuid7().hex[20:]}").create()
    eve = as_owner(api, await api.member("Eve", "admin", elsewhere))
    assert await eve.collections() == []
    problem(await eve.patch(f"{COLLECTIONS}/{made['id']}", json={"visibility": "public"}), 404, "not_found")
    problem(await eve.delete(f"{COLLECTIONS}/{made['id']}"), 404, "not_found")
    refused = await eve.post(COLLECTIONS, json={"name": "Mine", "visibility": "public", "site": site.id})
    assert problem(refused, 422, "invalid")["field"] == "site"
    # A reader may be answered from it; to manage it is another thing.
    for client in (api.client(ann), api.client(await api.member("Otto", "operator", site))):
        problem(await client.get(COLLECTIONS), 403, "forbidden")
        problem(await client.post(COLLECTIONS, json={"name": "x", "visibility": "public"}), 403, "forbidden")
        problem(await client.patch(f"{COLLECTIONS}/{made['id']}", json={"name": "x"}), 403, "forbidden")
        problem(await client.delete(f"{COLLECTIONS}/{made['id']}"), 403, "forbidden")
    assert await owner.collections() == [made]


async def test_who_manages_several_sites_names_the_site(api: Api, site: Site, owner: Owner) -> None:
    await make(owner, "Olgas")
    root = as_owner(api, await site.user("Root", superuser=True))
    refused = await root.post(COLLECTIONS, json={"name": "x", "visibility": "public"})
    assert problem(refused, 422, "invalid")["field"] == "site"
    made = await make(root, "Roots", site=site.id)
    assert made in await root.collections()
    assert [each["name"] for each in await owner.collections()] == ["Olgas", "Roots"]
