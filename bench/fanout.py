"""Deltas delivered by a process that writes no answers: one room of many sockets, and many rooms of two."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.crowd import Crowd
from bench.world import QUESTION, World, cpu_seconds, world
from chatserver.protocol.frames import User
from tests.records import draft
from tests.server import Server

CROWD = 400
ROOMS = 60
RATE = 50
TOKENS = 250
MODEL = ("--first-token", "0.02", "--rate", str(RATE), "--tokens", str(TOKENS))
LIMITS = {"SOCKETS_PER_USER": "100", "SOCKETS_PER_ADDRESS": "100000"}


async def measure() -> None:
    async with world(processes=1, model=MODEL, **LIMITS) as made, reader(made) as server:
        await deliver(made, server, f"1 room of {CROWD} sockets", rooms=1, sockets=CROWD)
        await deliver(made, server, f"{ROOMS} rooms of 2 sockets", rooms=ROOMS, sockets=2)


def reader(made: World, server: str = "") -> Server:
    """A process that has sockets and writes no answers."""
    return Server({**made.environ, "LLM_BASE_URL": made.upstream, "ANSWERS_PER_PROCESS": "0"}, server=server)


async def deliver(made: World, reader: Server, name: str, *, rooms: int, sockets: int) -> None:
    pairs: list[tuple[User, Sequence[str]]] = []
    asked: list[tuple[str, User]] = []
    for _ in range(rooms):
        users = await made.users(sockets)
        room = await made.site.room(made.store, *users)
        pairs += [(user, (room,)) for user in users]
        asked.append((room, users[0]))
    async with Crowd(reader.ws) as crowd:
        await crowd.join(pairs)
        before = cpu_seconds(reader)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, (room, user) in enumerate(asked):
            await made.store.append(draft(room, user, f"q{number}", QUESTION))
        await crowd.until(lambda: all(member.answers for member in crowd.members), seconds=120)
        taken, cpu = loop.time() - begun, cpu_seconds(reader) - before
        report(name, crowd.deltas, taken, cpu)


def report(name: str, deltas: int, taken: float, cpu: float) -> None:
    each = cpu / deltas
    print(f"  {name}: {deltas:,} deltas delivered in {taken:.1f} s, {cpu / taken:.0%} of a core")
    print(f"    {each * 1e6:.0f} µs of CPU time a delivered delta: {1 / each:,.0f} deltas/s and core")
