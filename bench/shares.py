"""What PostgreSQL and Redis do for a question and for a delta: CPU time, commands and writing transactions, bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields

import redis.asyncio

from bench.crowd import Crowd
from bench.world import QUESTION, World, children_cpu_seconds, scripted, world
from chatserver.protocol.frames import User
from tests.records import draft
from tests.server import Server

QUESTIONS = 60
IDLE_SECONDS = 6.0
ROOMS = 1000
RATE = 50
SHORT, LONG = 10, 250
SOCKETS = 2


@dataclass
class Used:
    redis_cpu: float
    redis_commands: float
    redis_in: float
    redis_out: float
    postgres_cpu: float
    postgres_writes: float
    postgres_wal: float

    def less(self, other: Used, share: float = 1.0) -> Used:
        return Used(*(getattr(self, f.name) - share * getattr(other, f.name) for f in fields(Used)))

    def each(self, count: float) -> str:
        return (
            f"Redis {self.redis_cpu / count * 1e6:.0f} µs, {self.redis_commands / count:.1f} commands, "
            f"{self.redis_in / count:,.0f} bytes in, {self.redis_out / count:,.0f} out; "
            f"PostgreSQL {self.postgres_cpu / count * 1e6:.0f} µs, {self.postgres_writes / count:.1f} writing "
            f"transactions, {self.postgres_wal / count:,.0f} bytes of WAL"
        )


async def measure() -> None:
    async with world(processes=0) as made:
        await _sweep(made)
        idle = per_question = None
        for tokens in (SHORT, LONG):
            async with (
                scripted(["--first-token", "0.02", "--rate", str(RATE), "--tokens", str(tokens)]) as upstream,
                Server({**made.environ, "LLM_BASE_URL": upstream}),
                Server({**made.environ, "LLM_BASE_URL": upstream, "ANSWERS_PER_PROCESS": "0"}) as reader,
                Crowd(reader.ws) as crowd,
            ):
                asked = await _people(made, crowd)
                if idle is None:
                    before = await _used(made)
                    await asyncio.sleep(IDLE_SECONDS)
                    idle = (await _used(made)).less(before)
                    print(f"  idle, two processes, {2 * QUESTIONS} sockets, a second: {idle.each(IDLE_SECONDS)}")
                loop = asyncio.get_running_loop()
                before, begun = await _used(made), loop.time()
                for room, user in asked:
                    await made.store.append(draft(room, user, "q", QUESTION))
                await crowd.until(lambda crowd=crowd: all(member.answers for member in crowd.members))  # type: ignore[misc]
                used = (await _used(made)).less(before).less(idle, (loop.time() - begun) / IDLE_SECONDS)
                deltas = crowd.deltas / SOCKETS
                if per_question is None:
                    per_question = used
                    print(f"  a question with an answer of {deltas / QUESTIONS:.1f} deltas: {used.each(QUESTIONS)}")
                    few = deltas
                else:
                    print(f"  a delta published to one other process: {used.less(per_question).each(deltas - few)}")


async def _sweep(made: World) -> None:
    """What rooms cost that are served and in which nothing happens."""
    async with Server({**made.environ}) as server, Crowd(server.ws) as crowd:
        used: list[Used] = []
        for count in (1, ROOMS):
            users = await made.users(count)
            await crowd.join([(user, (await made.site.room(made.store, user),)) for user in users])
            before = await _used(made)
            await asyncio.sleep(IDLE_SECONDS)
            used.append((await _used(made)).less(before))
        print(f"  {ROOMS} idle rooms on one process, a second: {used[1].less(used[0]).each(IDLE_SECONDS)}")


async def _people(made: World, crowd: Crowd) -> Sequence[tuple[str, User]]:
    asked: list[tuple[str, User]] = []
    for _ in range(QUESTIONS):
        users = await made.users(SOCKETS)
        room = await made.site.room(made.store, *users)
        await crowd.join([(user, (room,)) for user in users])
        asked.append((room, users[0]))
    return asked


async def _used(made: World) -> Used:
    url = made.environ["REDIS_URL"]
    client = redis.asyncio.Redis.from_url(url)
    info = await client.info()
    await client.aclose()
    pool = made.store.pool
    backend = await pool.fetchval("SELECT pg_backend_pid()")
    writes = await pool.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    wal = await pool.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    return Used(
        redis_cpu=info["used_cpu_user"] + info["used_cpu_sys"],
        redis_commands=info["total_commands_processed"],
        redis_in=info["total_net_input_bytes"],
        redis_out=info["total_net_output_bytes"],
        postgres_cpu=children_cpu_seconds(_parent(backend)),
        postgres_writes=writes,
        postgres_wal=float(wal),
    )


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])
