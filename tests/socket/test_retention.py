"""Messages that a site keeps no longer, with a socket that is open and a client that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import pytest_asyncio
from django.db import connection

from chatserver.celery import app
from chatserver.protocol.frames import User
from chatserver.rooms import retention, tasks
from chatserver.rooms.store import Store
from tests.api import Api, background_worker
from tests.client_model import ClientModel
from tests.records import Site, draft
from tests.sockets import chat

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAYS = 30
LONG_AGO = timedelta(days=DAYS + 2)


async def keep(store: Store, site: Site, days: int | None) -> None:
    await store.pool.execute("UPDATE sites_site SET retention_days = $2 WHERE id = $1::uuid", site.id, days)


async def age(store: Store, *messages: str, by: timedelta = LONG_AGO) -> None:
    await store.pool.execute(
        "UPDATE rooms_message SET created = created - $2::interval WHERE id = ANY($1::uuid[])", messages, by
    )


async def held(store: Store, room: str) -> list[str]:
    rows = await store.pool.fetch("SELECT id FROM rooms_message WHERE room_id = $1::uuid ORDER BY seq", room)
    return [str(row["id"]) for row in rows]


async def said(store: Store, room: str, author: User, *texts: str) -> list[str]:
    """Messages without answers; returns their ids."""
    stored = [await store.append(draft(room, author, text, text, ask=False)) for text in texts]
    return [each.message for each in stored]


async def test_a_worker_deletes_and_every_client_forgets(api: Api, site: Site) -> None:
    ann, bob = await site.user("Ann"), await site.user("Bob")
    room = await site.room(api.store, ann, bob)
    old = await said(api.store, room, bob, "one", "two", "three")
    away = ClientModel()
    async with chat(api, ann, model=away) as first:
        await first.hello(room)
        assert set(away.rooms[room].messages) == set(old)
    async with chat(api, ann) as watcher, chat(api, ann) as open_:
        await watcher.hello()
        await open_.hello(room)
        asked = await open_.ask(room, "What is a room?")
        await open_.until_status(room, asked["answer"], "complete")
        new = [asked["message"], asked["answer"]]
        await open_.command("answer.rate", message=asked["answer"], score=-1)
        await age(api.store, *old)
        # The newest rev of all is an old message's: a client at that rev must drop it, too.
        await api.store.edit(old[2], room, "three, edited")
        await open_.until(lambda: open_.model.rooms[room].messages[old[2]]["text"] == "three, edited")
        await keep(api.store, site, DAYS)

        async with background_worker(api.environ):
            await open_.until(lambda: set(open_.model.rooms[room].messages) == set(new))
        reset = next(frame for frame in reversed(open_.frames) if frame["type"] == "room.changes")
        assert reset["reset"]
        assert await held(api.store, room) == new
        # In step: the next message comes as an event, not as another snapshot.
        (later,) = await said(api.store, room, bob, "later")
        await open_.until(lambda: later in open_.model.rooms[room].messages)
        entries, _ = await api.store.entries(ann.id, limit=10)
        assert (entries[0].unread, entries[0].last and entries[0].last.id) == (2, later)
        await watcher.until(lambda: any(frame["type"] == "room.summary" for frame in watcher.frames))

    async with chat(api, ann, model=away) as again:
        await again.hello(room)
        assert set(away.rooms[room].messages) == {*new, later}
        assert away.rooms[room].messages[asked["answer"]]["status"] == "complete"
        history = await again.command("room.history", room=room, before=10_000, limit=100)
        assert {message["id"] for message in history["messages"]} == {*new, later}


@pytest_asyncio.fixture(loop_scope="session")
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


async def expire(now: datetime | None = None) -> int:
    """One run in a thread of its own; the fixture `orm` says on which database."""

    def run() -> int:
        try:
            gone, more = retention.expire(60.0, now)
            assert not more
            return gone
        finally:
            connection.close()

    return await asyncio.to_thread(run)


async def test_an_answer_that_is_being_written_stays_with_its_question(store: Store, orm: None) -> None:
    site = await Site(store.pool).create()
    ann = await site.user("Ann")
    room = await site.room(store, ann)
    before, asked, after = [
        await store.append(draft(room, ann, cid, cid, ask=cid == "asked")) for cid in ("before", "asked", "after")
    ]
    assert asked.answer is not None
    (job,) = await store.claim("worker", 10)
    await keep(store, site, DAYS)
    await age(store, *await held(store, room))
    assert await expire() == 2
    assert await held(store, room) == [asked.message, asked.answer]
    assert (await store.context(job)).text == "asked"
    assert await store.settle(job.message, room, job.attempt, "complete", "It is so.", [])
    assert await expire() == 2
    assert await held(store, room) == []
    assert await store.retry(asked.answer, room, job.attempt) is None
    # Gone with its room's memory of it: the same cid is a new message.
    again = await store.append(draft(room, ann, "before", "before", ask=False))
    assert not again.duplicate
    head = (await store.heads([room]))[room]
    assert (again.seq, head.floor, head.rev) == (head.rev, head.rev - 1, head.rev)
    assert before.seq < after.seq < head.floor


async def test_sites_keep_messages_as_long_as_they_say(store: Store, orm: None) -> None:
    ages = (DAYS + 2, DAYS + 1, DAYS, 0)
    kept: dict[int | None, list[int]] = {}
    # A whole day's messages go together: a room has one such moment a day.
    now = datetime.now(UTC).replace(hour=0, minute=30)
    rooms: dict[int | None, str] = {}
    for days in (None, 0, DAYS):
        site = await Site(store.pool, key=f"site-{days}").create()
        await keep(store, site, days)
        ann = await site.user("Ann")
        rooms[days] = room = await site.room(store, ann)
        for number in ages:
            (id_,) = await said(store, room, ann, str(number))
            created = now - timedelta(days=number, minutes=-10)
            await store.pool.execute("UPDATE rooms_message SET created = $2 WHERE id = $1::uuid", id_, created)
    assert await expire(now) == 2
    for days, room in rooms.items():
        rows = await store.pool.fetch("SELECT text FROM rooms_message WHERE room_id = $1::uuid ORDER BY seq", room)
        kept[days] = [int(row["text"]) for row in rows]
    assert kept == {None: [*ages], 0: [*ages], DAYS: [DAYS, 0]}
    assert await expire(now) == 0
    heads = await store.heads(list(rooms.values()))
    assert [heads[room].floor > 0 for room in rooms.values()] == [False, False, True]


async def test_a_room_is_emptied_in_bounded_steps(store: Store, orm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "expire_room", partial(retention.expire_room, limit=3))
    monkeypatch.setattr(retention, "ROOMS", 2)
    site = await Site(store.pool).create()
    await keep(store, site, DAYS)
    ann = await site.user("Ann")
    rooms = [await site.room(store, ann) for _ in range(5)]
    for room in rooms:
        await age(store, *await said(store, room, ann, *map(str, range(7))))
    assert await expire() == 35
    heads = await store.heads(rooms)
    assert {(head.rev, head.floor) for head in heads.values()} == {(10, 10)}, "7 messages, 3 steps"
    assert (await store.entries(ann.id, limit=10))[0][0].last is None


async def test_a_worker_looks_every_hour() -> None:
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert tasks.expire.name in scheduled
    app.loader.import_default_modules()
    assert scheduled <= set(app.tasks)
