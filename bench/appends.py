"""Acknowledged, committed sends: 200 senders in 20 rooms on 2 processes, each waiting for its last to be committed."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from bench.world import percentile, world
from tests.chat import Chat

SENDERS = 200
ROOMS = 20
SECONDS = 8.0


async def measure() -> None:
    async with world(processes=2) as made, AsyncExitStack() as stack:
        users = await made.users(SENDERS)
        rooms = [await made.site.room(made.store, *users[n::ROOMS], policy="off") for n in range(ROOMS)]
        chats = [await stack.enter_async_context(made.chat(n, user)) for n, user in enumerate(users)]
        for chat in chats:
            await chat.hello()  # not joined: the commits are measured, not the fan-out to Python clients on 2 cores
        until = time.perf_counter() + SECONDS
        taken = [
            value
            for values in await asyncio.gather(*(_send(chat, rooms[n % ROOMS], until) for n, chat in enumerate(chats)))
            for value in values
        ]
        heads = await made.store.heads(rooms)
        stored = sum(head.rev for head in heads.values())
        print(f"  {len(taken) / SECONDS:,.0f} acknowledged sends/s (the Python clients share the 2 cores)")
        print(f"  p50 {percentile(taken, 0.5) * 1e3:.1f} ms, p99 {percentile(taken, 0.99) * 1e3:.1f} ms")
        print(f"  acknowledged {len(taken)}, stored {stored}: {'none lost' if stored == len(taken) else 'DIFFER'}")


async def _send(chat: Chat, room: str, until: float) -> list[float]:
    taken: list[float] = []
    while (begun := time.perf_counter()) < until:
        await chat.ask(room, "A message of ordinary length, as people write them.")
        taken.append(time.perf_counter() - begun)
    return taken
