"""Memory of idle sockets in rooms of 20, by the growth of one serving process for each 1,000 of them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.crowd import Crowd
from bench.world import World, rss_bytes, world
from chatserver.protocol.frames import User

STEPS = 3
STEP = 1000
PER_ROOM = 20
WARM_UP = 200


async def measure() -> None:
    limits = {"SOCKETS_PER_USER": "100", "SOCKETS_PER_ADDRESS": "100000"}
    async with world(processes=1, **limits) as made, Crowd(made.servers[0].ws) as crowd:
        await crowd.join(await _people(made, WARM_UP))
        empty = before = rss_bytes(made.servers[0])
        print(f"  with {WARM_UP} sockets the process and its parent take {empty / 2**20:.0f} MiB")
        for step in range(1, STEPS + 1):
            await crowd.join(await _people(made, STEP))
            now = rss_bytes(made.servers[0])
            print(
                f"  {WARM_UP + step * STEP} sockets: {(now - before) / STEP / 1024:.1f} KiB for each of the last {STEP}"
            )
            before = now
        each = (before - empty) / (STEPS * STEP)
        print(f"  {each / 1024:.1f} KiB a socket, {2**30 / each:,.0f} sockets in a GiB beside the process itself")


async def _people(made: World, count: int) -> Sequence[tuple[User, Sequence[str]]]:
    people: list[tuple[User, Sequence[str]]] = []
    for _ in range(count // PER_ROOM):
        users = await made.users(PER_ROOM)
        room = await made.site.room(made.store, *users)
        people += [(user, (room,)) for user in users]
    return people
