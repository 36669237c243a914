"""One person's data: exported, and erased while they and others are connected."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.protocol.frames import User
from chatserver.serving import person
from chatserver.serving.person import PersonError
from chatserver.sites import models
from tests.api import Api, add_rooms, problem
from tests.client_model import ClientModel
from tests.owner import Owner
from tests.records import Site, draft
from tests.serving import environment, manage
from tests.socket.conftest import orm_on
from tests.sockets import chat, closed

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def environ(api: Api) -> dict[str, str]:
    return environment(**api.environ, SECRET_KEY="tests")


async def run(api: Api, blocker: DjangoDbBlocker, work: Callable[[], Any]) -> Any:
    """`work` in a thread, with Django's ORM on the database of the server."""

    def within() -> Any:
        with orm_on(api.environ["DATABASE_URL"], blocker):
            return work()

    return await asyncio.to_thread(within)


async def visitor(api: Api, site: Site, subject: str, email: str) -> User:
    user = await site.user(subject, kind="visitor")
    await api.store.pool.execute(
        """INSERT INTO sites_visitor(user_id, site_id, subject, email, token_digest, created, seen)
           VALUES ($1::uuid, $2::uuid, $3, $4, $5, now(), now())""",
        *(user.id, site.id, subject, email, uuid7().bytes),
    )
    return user


async def everything(api: Api) -> str:
    """All that the records hold, as text."""
    names = await api.store.pool.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    rows = [await api.store.pool.fetch(f"SELECT t::text AS said FROM {row['relname']} t") for row in names]
    return "\n".join(row["said"] for table in rows for row in table)


async def test_an_erased_person_is_forgotten_by_everybody(api: Api, site: Site, environ: dict[str, str]) -> None:
    ann, bob, cid = await site.user("Annabel"), await site.user("Bob"), await site.user("Cid")
    store = api.store
    room, alone = await site.room(store, ann, bob, cid), await site.room(store, ann, title="Diary of Annabel")
    await store.pool.execute("UPDATE sites_user SET email = 'annabel@a.example' WHERE id = $1::uuid", ann.id)
    await store.append(draft(alone, ann, "x", "Dear diary of Annabel", ask=False))
    kept = await store.append(draft(room, bob, "1", "Bob was here", ask=False))
    gone = await store.append(draft(room, ann, "2", "Deleted by Annabel", ask=False))
    await store.delete(gone.message, room)
    away = ClientModel()
    async with chat(api, bob, model=away) as socket:
        await socket.hello(room)
    async with chat(api, ann) as hers, chat(api, bob) as his:
        await hers.hello(room, alone)
        await his.hello(room)
        asked = await hers.ask(room, "Annabel asks: what is a room?")
        await his.until_status(room, asked["answer"], "complete")
        await hers.command("answer.rate", message=asked["answer"], score=-1, comment="Annabel says no")
        # One more is being written, by a worker that is not of this server.
        live = await store.append(draft(room, ann, "3", "Annabel asks again", ask=False))

        done = manage("erase_person", ann.id, "--yes", environ=environ)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert "Messages deleted: 4, answers to them: 1, ratings: 1" in done.stdout
        assert "Rooms left: 1, deleted: 1, given to another owner: 1" in done.stdout
        assert await closed(hers) == (4001, {"type": "bye", "code": 4001, "reason": "unauthenticated"})

        tombstones = (gone.message, asked["message"], asked["answer"], live.message)
        await his.until(lambda: his.model.rooms[room].messages[live.message]["status"] == "deleted")
        messages = his.model.rooms[room].messages
        assert {messages[id_]["status"] for id_ in tombstones} == {"deleted"}
        assert messages[kept.message]["text"] == "Bob was here"
        assert "Annabel" not in json.dumps(messages)
        # In step: what comes next comes as an event.
        later = await his.ask(room, "Still here", ask=False)
        await his.until(lambda: later["message"] in his.model.rooms[room].messages)

    async with chat(api, bob, model=away) as socket:
        await socket.hello(room)
        assert "Annabel" not in json.dumps(away.rooms[room].messages)
        assert away.rooms[room].messages[kept.message]["text"] == "Bob was here"
    found = await store.room(room, bob.id)
    assert found is not None
    assert (found.role, found.meta.members) == ("owner", 2)
    assert await store.room(alone, ann.id) is None
    problem(await api.client(ann).get("/api/v1/rooms"), 401, "unauthenticated")
    left = [line for line in (await everything(api)).splitlines() if "annabel" in line.lower()]
    assert left == []

    again = manage("erase_person", ann.id, "--yes", environ=environ)
    assert again.returncode == 0
    assert {character for character in again.stdout.split("\n", 1)[1] if character.isdigit()} == {"0"}


async def test_an_answer_that_is_being_written_ends(api: Api, site: Site, django_db_blocker: DjangoDbBlocker) -> None:
    ann, bob = await site.user("Ann"), await site.user("Bob")
    room = await site.room(api.store, ann, bob, policy="off")
    stored = await api.store.append(draft(room, ann, "1", "What is a room?", ask=False))
    # As if asked, with a worker elsewhere that has it.
    answer = str(uuid7())
    async with api.store.pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE rooms_head SET rev = rev + 1 WHERE room = $1::uuid", room)
        await connection.execute(
            """INSERT INTO rooms_message(id, room_id, seq, rev, author_id, question, text, status, attempt)
               SELECT $2::uuid, room, rev, rev, $3::uuid, $4::uuid, '', 'pending', 2
                 FROM rooms_head WHERE room = $1::uuid""",
            *(room, answer, models.ASSISTANT_ID, stored.message),
        )
        await connection.execute(
            """INSERT INTO rooms_job(message, room, state, attempt, worker, beat, losses)
               VALUES ($2::uuid, $1::uuid, 'running', 2, 'elsewhere', 0, 0)""",
            *(room, answer),
        )
        await connection.execute(
            "UPDATE rooms_message SET answer = $2::uuid WHERE id = $1::uuid", stored.message, answer
        )
    async with chat(api, bob) as his:
        await his.hello(room)
        assert his.model.rooms[room].live
        erased = await run(api, django_db_blocker, lambda: person.erase(person.find(ann.id)))
        assert (erased.rooms.messages, erased.rooms.answers) == (1, 1)
        await his.until_status(room, answer, "deleted")
    assert await api.store.settle(answer, room, 2, "complete", "Too late", []) is None


async def test_a_visitor_is_exported_and_erased(
    api: Api, site: Site, environ: dict[str, str], tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    ottoline = await visitor(api, site, "ottoline-7", "ottoline@v.example")
    operator = await api.member("Oscar", "operator", site)
    room, _ = await api.store.support_room(site.id, ottoline.id, "Ottoline")
    await api.store.append(draft(room, ottoline, "1", "I am Ottoline", ask=False))
    await api.store.add_member(room, operator.id)
    await api.store.append(draft(room, operator, "2", "Hello Ottoline", ask=False))
    path = tmp_path / "ottoline.zip"
    done = manage("export_person", f"{site.key}/ottoline-7", path, environ=environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        said = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert said["profile.json"]["visitor"]["email"] == "ottoline@v.example"
    assert said["profile.json"]["visitor"]["site"] == site.key
    assert [message["text"] for message in said["messages.json"]] == ["I am Ottoline", "Hello Ottoline"]
    assert [entry["room"] for entry in said["rooms.json"]] == [room]

    async with chat(api, operator) as socket:
        await socket.hello(room)
        by_email = await run(api, django_db_blocker, lambda: person.find("OTTOLINE@v.example"))
        erased = await run(api, django_db_blocker, lambda: person.erase(by_email))
        assert (erased.rooms.rooms_deleted, erased.visits) == (1, 1)
        await socket.until(lambda: room not in socket.model.rooms)
        assert socket.frames[-1] == {"type": "room.gone", "room": room, "code": "deleted"}
    assert "ottoline" not in (await everything(api)).lower()


async def test_documents_stay_or_go(
    api: Api, site: Site, owner: Owner, environ: dict[str, str], django_db_blocker: DjangoDbBlocker
) -> None:
    paula, rupert = await api.member("Paula", "admin", site), await api.member("Rupert", "admin", site)
    stays, goes = await upload(api, site, paula), await upload(api, site, rupert)
    found = {passage["document"] for passage in await owner.search("penguins")}
    assert found == {stays, goes}
    erased = await run(api, django_db_blocker, lambda: person.erase(person.find(paula.id)))
    assert (erased.documents_kept, erased.documents_deleted) == (1, 0)
    done = manage("erase_person", rupert.id, "--yes", "--documents", environ=environ)
    assert "Documents deleted: 1, kept without an owner: 0" in done.stdout, done.stderr
    left = await api.store.pool.fetch(
        "SELECT id, owner_id FROM knowledge_document WHERE file <> '' AND id = ANY($1::uuid[])", [stays, goes]
    )
    assert [(str(row["id"]), row["owner_id"]) for row in left] == [(stays, None)]
    assert ((api.uploads / stays).exists(), (api.uploads / goes).exists()) == (True, False)
    assert [passage["document"] for passage in await owner.search("penguins")] == [stays]


async def upload(api: Api, site: Site, user: User) -> str:
    """A ready document of `user`'s; its id, by which its file is called, too."""
    index = LanceIndex(api.environ["INDEX_URL"])
    await add_rooms(api.store.pool, index, site, f"Penguins of {user.name}", user.name)
    document = await api.store.pool.fetchval("SELECT id FROM knowledge_document ORDER BY id DESC LIMIT 1")
    await api.store.pool.execute(
        "UPDATE knowledge_document SET owner_id = $2::uuid, file = 'uploads/' || id WHERE id = $1", document, user.id
    )
    api.uploads.mkdir(parents=True, exist_ok=True)
    (api.uploads / str(document)).write_bytes(b"Penguins")
    return str(document)


async def test_who_is_meant_must_be_clear(api: Api, site: Site, django_db_blocker: DjangoDbBlocker) -> None:
    for _ in range(2):
        await visitor(api, site, uuid7().hex, "two@v.example")
    for name, said in {
        "two@v.example": "are several",
        "nobody": "there is nobody",
        "": "there is nobody",
        "assistant": "is no person",
        str(uuid7()): "there is nobody",
    }.items():
        with pytest.raises(PersonError, match=said):
            await run(api, django_db_blocker, lambda name=name: person.find(name))
