"""The store on a real PostgreSQL, under concurrency and with its back ends killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import psycopg
import pytest

from chatserver.errors import Conflict, Invalid, NotFound, Unavailable
from chatserver.protocol.frames import CHANGES_MAX, Message, User
from chatserver.realtime.ports import RoomPosition
from chatserver.rooms.store import Store
from chatserver.rooms.types import Appended, Draft
from tests.records import Site, draft


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


@pytest.fixture
async def site(store: Store) -> Site:
    return await Site(store.pool).create()


@pytest.fixture
async def ann(site: Site) -> User:
    return await site.user("Ann")


async def belong(store: Store, site: Site, user: User, role: str = "member") -> None:
    await store.pool.execute(
        "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, $3)", site.id, user.id, role
    )


async def revs(store: Store, room: str) -> list[int]:
    rows = await store.pool.fetch("SELECT rev FROM rooms_message WHERE room_id = $1::uuid ORDER BY rev", room)
    return [row["rev"] for row in rows]


async def insist(store: Store, message: Draft) -> Appended:
    """As a client does: repeat with the same cid while the outcome is unknown."""
    while True:
        try:
            return await store.append(message)
        except Unavailable:
            await asyncio.sleep(0.05)


async def test_concurrent_appends_get_contiguous_revs(store: Store, site: Site, database_url: str) -> None:
    users = [await site.user(f"u{n}") for n in range(5)]
    rooms = [await site.room(store, *users, policy="always" if n % 2 else "off") for n in range(4)]
    other = await Store.open(database_url)  # as another process
    drafts = [
        draft(room, user, f"c{n}", ask=None if n % 3 else False) for room in rooms for user in users for n in range(20)
    ]
    random.Random(1).shuffle(drafts)
    results = await asyncio.gather(*(insist((store, other)[n % 2], one) for n, one in enumerate(drafts)))
    await other.close()
    for room in rooms:
        found = await revs(store, room)
        assert found == list(range(1, len(found) + 1))
        assert (await store.heads([room]))[room].rev == len(found)
    assert len({result.message for result in results}) == len(drafts)
    for one, result in zip(drafts, results, strict=True):
        assert (result.answer is not None) == (one.room in rooms[1::2] and one.ask is not False)
        assert result.question is not None
        assert result.question == await store.message(result.message)
        if result.answer:
            assert result.pending.reply_to == result.message
            assert result.pending == await store.message(result.answer)


async def test_the_same_cid_is_stored_once_and_answered_once(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    results = await asyncio.gather(*(store.append(draft(room, ann, "same")) for _ in range(20)))
    assert len({(result.message, result.seq, result.answer) for result in results}) == 1
    assert sorted(result.duplicate for result in results) == [False, *[True] * 19]
    assert await revs(store, room) == [1, 2]
    with pytest.raises(Conflict):
        await store.append(draft(room, ann, "same", "something else"))


async def test_who_may_append(store: Store, site: Site, ann: User) -> None:
    room, elsewhere = await site.room(store, ann), await site.room(store, ann)
    bob = await site.user("Bob")
    with pytest.raises(NotFound):
        await store.append(draft(room, bob, "1"))
    with pytest.raises(NotFound):
        await store.append(draft(str(ann.id), ann, "1"))
    there = await store.append(draft(elsewhere, ann, "1"))
    with pytest.raises(Invalid, match="reply_to"):
        await store.append(draft(room, ann, "2", reply_to=there.message))
    assert await revs(store, room) == []


async def test_a_row_that_postgresql_refuses_does_not_fail_its_batch(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann, policy="off")
    drafts = [draft(room, ann, f"c{n}", "\0" if n == 7 else "fine") for n in range(20)]
    results = await asyncio.gather(*map(store.append, drafts), return_exceptions=True)
    assert [n for n, result in enumerate(results) if isinstance(result, BaseException)] == [7]
    assert isinstance(results[7], Invalid)
    assert await revs(store, room) == list(range(1, 20))


@pytest.mark.parametrize(
    ("policy", "text", "ask", "answered"),
    [
        ("always", "Hello", None, True),
        ("always", "Hello", False, False),
        ("mention", "Hello", None, False),
        ("mention", "Hello", True, True),
        ("mention", "@assistant hello", None, True),
        ("mention", "@Assistant, hello", None, True),
        ("mention", "@robo hello", None, True),
        ("mention", "请问@助手价格", None, True),
        ("mention", "mail me@assistant.example", None, False),
        ("mention", "@assistant hello", False, False),
        ("off", "@assistant hello", True, False),
    ],
)
async def test_the_policy_decides_about_an_answer(
    store: Store, site: Site, ann: User, policy: str, text: str, ask: bool | None, answered: bool
) -> None:
    room = await site.room(store, ann, policy=policy)  # type: ignore[arg-type]
    result = await store.append(draft(room, ann, "1", text, ask=ask))
    assert (result.answer is not None) is answered


async def test_killed_back_ends_lose_nothing_acknowledged(store: Store, site: Site) -> None:
    users = [await site.user(f"u{n}") for n in range(10)]
    room = await site.room(store, *users, policy="off")
    killed, acknowledged = 0, set[str]()

    async def send(user: User, n: int) -> None:
        nonlocal killed
        acknowledged.add((await insist(store, draft(room, user, f"c{n}"))).message)
        if len(acknowledged) % 5 == 0:  # others are on their way
            count = await store.pool.fetchval(
                """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE application_name = 'chatserver append' AND datname = current_database()"""
            )
            killed += count  # not in one line with the await: another sender's count would be lost

    await asyncio.gather(*(send(user, n) for user in users for n in range(30)))
    assert killed > 0
    assert await revs(store, room) == list(range(1, 301))
    assert len(acknowledged) == 300


@pytest.mark.parametrize("appended", [True, False])
async def test_the_store_closes_after_its_back_ends_were_killed(database_url: str, appended: bool) -> None:
    store = await Store.open(database_url)
    site = await Site(store.pool).create()
    ann = await site.user("Ann")
    room = await site.room(store, ann, policy="off")
    if appended:
        await store.append(draft(room, ann, "c1"))
    with psycopg.connect(database_url) as connection:  # blocks the loop, so that nobody notices before the close
        killed = connection.execute(
            """SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        ).fetchone()
    assert killed
    assert killed[0] >= 1 + appended  # one of the pool's, one of a committer's
    await store.close()


async def test_changes_since_any_rev_lead_to_the_present(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    random_ = random.Random(2)
    states: dict[int, dict[str, Message]] = {0: {}}

    async def present() -> dict[str, Message]:
        return {message.id: message for message in (await store.history(room, 10_000, 100))[0]}

    for n in range(30):
        message = (await store.append(draft(room, ann, f"c{n}", f"text {n}"))).message
        match random_.randrange(4):
            case 0:
                await store.edit(message, room, f"edited {n}")
            case 1:
                await store.delete(message, room)
            case 2:
                await store.update_room(room, title=f"title {n}")
            case _:
                pass
        states[(await store.heads([room]))[room].rev] = await present()
    final = await present()
    for rev, known in states.items():
        state = (await store.changes({room: RoomPosition(rev, 0)}))[room]
        assert state is not None
        assert len(state.messages) <= CHANGES_MAX
        merged = known | {message.id: message for message in state.messages}
        assert merged == final
        assert [message.rev for message in state.messages] == sorted(message.rev for message in state.messages)
    snapshot = (await store.load([room]))[room]
    assert snapshot is not None
    assert snapshot.meta is not None
    assert [member.name for member in snapshot.members or []] == ["Ann"]
    assert (await store.load([ann.id])) == {ann.id: None}


async def test_a_job_has_one_worker_and_one_end(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    for n in range(20):
        await store.append(draft(room, ann, f"c{n}"))
    claimed = await asyncio.gather(*(store.claim(f"w{n}", 3) for n in range(10)))
    jobs = [job for batch in claimed for job in batch]
    assert len({job.message for job in jobs}) == len(jobs) == 20
    job = claimed[0][0]
    ends = await asyncio.gather(
        store.settle(job.message, room, 1, "complete", "text", []),
        *(store.settle(job.message, room, None, "stopped", "te", []) for _ in range(5)),
    )
    assert sum(end is not None for end in ends) == 1
    found = await revs(store, room)
    assert len(found) == len(set(found)) == 40
    assert max(found) == 41


async def test_a_superseded_worker_is_fenced(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    await store.append(draft(room, ann, "1"))
    (job,) = await store.claim("old", 1)
    assert await store.beat("old", [(job.message, 1)]) == {(job.message, 1)}
    (seen,) = await store.running()
    takers = await asyncio.gather(*(store.supersede(seen, f"new {n}") for n in range(5)))
    (taken,) = [taker for taker in takers if taker]
    assert (taken.attempt, taken.losses) == (2, 1)
    assert await store.beat("old", [(job.message, 1)]) == set()
    assert await store.settle(job.message, room, 1, "complete", "zombie", []) is None
    final = await store.settle(job.message, room, 2, "complete", "right", [])
    assert final is not None
    assert (final.text, final.attempt, final.status) == ("right", 2, "complete")


async def test_retry_is_a_compare_and_set(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    answer = (await store.append(draft(room, ann, "1"))).answer
    assert answer
    assert await store.retry(answer, room, 1) is None, "it is live"
    await store.claim("w", 1)
    await store.settle(answer, room, 1, "failed", "oh", [])
    again = await asyncio.gather(*(store.retry(answer, room, 1) for _ in range(5)))
    (pending,) = [message for message in again if message]
    assert (pending.status, pending.attempt, pending.text) == ("pending", 2, "")
    (job,) = await store.claim("w", 9)
    assert (job.attempt, job.losses) == (2, 0)


async def test_a_takeover_has_one_winner_and_silences_the_assistant(store: Store, site: Site, ann: User) -> None:
    operators = [await site.user(f"op{n}") for n in range(5)]
    room = await site.room(store, ann, *operators, kind="support")
    live = (await store.append(draft(room, ann, "1"))).answer
    assert live
    outcomes = await asyncio.gather(*(store.take_over(room, operator.id) for operator in operators))
    ((change, ended),) = [outcome for outcome in outcomes if outcome]
    assert [(message.id, message.status) for message in ended] == [(live, "stopped")]
    assert change.rev + 1 == ended[0].rev
    assert (await store.append(draft(room, ann, "2"))).answer is None
    assert await store.retry(live, room, 1) is None
    assert change.meta.owner
    await store.hand_back(room, change.meta.owner)
    assert (await store.append(draft(room, ann, "3"))).answer is not None


async def test_deleting_a_live_answer_ends_it(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    answer = (await store.append(draft(room, ann, "1"))).answer
    assert answer
    await store.claim("w", 1)
    tombstone, new = await store.delete(answer, room)
    assert (tombstone.status, tombstone.text, new) == ("deleted", "", True)
    assert (await store.delete(answer, room))[1] is False
    assert await store.settle(answer, room, 1, "complete", "late", []) is None


async def test_released_jobs_go_to_others_without_counting_as_losses(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    await store.append(draft(room, ann, "1"))
    await store.claim("old", 1)
    assert await store.release("old") == 1
    (job,) = await store.claim("new", 1)
    assert (job.attempt, job.losses) == (2, 0)


async def test_the_context_of_an_answer(store: Store, site: Site, ann: User) -> None:
    room = await site.room(store, ann)
    await store.pool.execute(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created) VALUES
           (gen_random_uuid(), $1::uuid, 'open', 'public', now()),
           (gen_random_uuid(), $1::uuid, 'closed', 'internal', now())""",
        site.id,
    )
    await belong(store, site, ann)
    first = await store.append(draft(room, ann, "1", "What is a room?"))
    (job,) = await store.claim("w", 1)
    await store.settle(first.answer or "", room, 1, "complete", "A place.", [])
    await store.append(draft(room, ann, "2", "@robo, and a message?"))
    (job,) = await store.claim("w", 1)
    question = await store.context(job)
    assert question.text == "and a message?"
    assert [(turn.role, turn.text) for turn in question.history] == [
        ("user", "What is a room?"),
        ("assistant", "A place."),
    ]
    assert len(question.collections) == 2
    await store.add_member(room, (await site.user("Guest", kind="visitor")).id)
    assert len((await store.context(job)).collections) == 1, "a visitor reads along"


async def test_a_room_is_answered_from_what_all_its_members_may_read(store: Store, site: Site, ann: User) -> None:
    collection = await store.pool.fetchval(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created)
           VALUES (gen_random_uuid(), $1::uuid, 'salaries', 'restricted', now()) RETURNING id::text""",
        site.id,
    )
    room = await site.room(store, ann)
    await belong(store, site, ann)
    await store.append(draft(room, ann, "1", "What does Bob earn?"))
    (job,) = await store.claim("w", 1)

    async def context() -> tuple[bool, bool]:
        question = await store.context(job)
        return collection in question.collections, question.withheld

    async def reader(user: User) -> None:
        await store.pool.execute(
            "INSERT INTO knowledge_collection_readers(collection_id, user_id) VALUES ($1::uuid, $2::uuid)",
            *(collection, user.id),
        )

    assert await context() == (False, False), "not even who asks may read it"
    await reader(ann)
    assert await context() == (True, False)
    bob = await site.user("Bob")
    await store.add_member(room, bob.id)
    assert await context() == (False, True), "one may not: Ann can ask alone"
    await reader(bob)
    assert await context() == (False, True), "nor if he was a reader and has left the site"
    await belong(store, site, bob)
    assert await context() == (True, False)
    chief = await site.user("Chief")
    await belong(store, site, chief, "admin")
    await store.add_member(room, chief.id)
    assert await context() == (True, False), "who manages the site's documents may read them"
    await store.add_member(room, (await site.user("Guest", kind="visitor")).id)
    assert await context() == (False, False), "a visitor is not told what there is"


async def test_reading_only_grows(store: Store, site: Site, ann: User) -> None:
    bob = await site.user("Bob")
    room = await site.room(store, ann, bob, policy="off")
    for n in range(120):
        await store.append(draft(room, ann, f"{n}"))
    ((entry,), more) = await store.entries(bob.id, limit=10)
    assert (entry.unread, entry.read, more) == (99, 0, False)
    assert entry.last is not None
    assert entry.last.seq == 120
    assert await store.read(room, bob.id, 100) == (100, 20, True)
    assert await store.read(room, bob.id, 50) == (100, 20, False)
    assert await store.read(room, bob.id, 9_999) == (120, 0, True)
    ((user, summary),) = await store.summaries([(bob.id, room), (bob.id, bob.id)])
    assert (user, summary.unread, summary.rev) == (bob.id, 0, 120)


async def test_members_come_and_go(store: Store, site: Site, ann: User) -> None:
    bob = await site.user("Bob")
    room = await site.room(store, ann)
    change = await store.add_member(room, bob.id)
    assert [(member.id, member.role) for member in change.members] == [(bob.id, "member")]
    assert change.meta.members == 2
    with pytest.raises(Conflict, match="owner"):
        await store.remove_member(room, ann.id)
    change = await store.remove_member(room, bob.id)
    assert (change.removed, change.meta.members, change.rev) == ((bob.id,), 1, 2)
    assert await store.delete_room(room) == [ann.id]
    assert await store.room(room, ann.id) is None
