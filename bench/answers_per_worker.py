"""Answers that one process writes at once, at 50 tokens/s each, while its event loop keeps up."""

from __future__ import annotations

import asyncio

from bench.streams import lag, p99
from bench.world import QUESTION, World, cpu_seconds, world
from chatserver.protocol.frames import User
from tests.records import draft

STEPS = (20, 40, 80, 120, 160)
RATE = 50
TOKENS = 250
LAG_SECONDS = 0.05
POLL_SECONDS = 0.1


async def measure() -> None:
    model = ["--first-token", "0.02", "--rate", str(RATE), "--tokens", str(TOKENS)]
    async with world(processes=1, model=model, ANSWERS_PER_PROCESS=str(max(STEPS))) as made:
        (user,) = await made.users(1)
        await _write(made, user, 1)  # the first one imports and connects
        kept = 0
        for count in STEPS:
            before, lag_before = cpu_seconds(made.servers[0]), await lag(made.servers[0])
            taken = await _write(made, user, count)
            cpu = cpu_seconds(made.servers[0]) - before
            late = p99(await lag(made.servers[0]), lag_before)
            print(
                f"  {count:3} answers in {taken:.1f} s (the model: {TOKENS / RATE:.1f} s): {cpu / taken:.0%} of a core,"
                f" {cpu / count / TOKENS * 1e6:.0f} µs of CPU time a token, event-loop lag p99 <= {late * 1e3:g} ms"
            )
            if late > LAG_SECONDS:
                break
            kept = count
        print(f"  {kept} answers at once with an event-loop lag of at most {LAG_SECONDS * 1e3:g} ms (p99)")


async def _write(made: World, user: User, count: int) -> float:
    """Seconds until a question in each of `count` new rooms is answered."""
    rooms = [await made.site.room(made.store, user) for _ in range(count)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.gather(*(made.store.append(draft(room, user, "q", QUESTION)) for room in rooms))
    while await made.store.pool.fetchval("SELECT count(*) FROM rooms_message WHERE status = 'pending'"):
        await asyncio.sleep(POLL_SECONDS)
    return loop.time() - begun
