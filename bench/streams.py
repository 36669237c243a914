"""Concurrent streaming answers: 60 rooms on 2 processes, 50 tokens/s each, two sockets a room, one per process."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack

import httpx

from bench.world import QUESTION, World, cpu_seconds, world
from chatserver.protocol.frames import User
from tests.chat import Chat
from tests.server import Server

ROOMS = 60
TOKENS = 250
RATE = 50


async def measure() -> None:
    model = ["--first-token", "0.02", "--rate", str(RATE), "--tokens", str(TOKENS)]
    async with world(processes=2, model=model) as made, AsyncExitStack() as stack:
        users = await made.users(ROOMS)
        before = [(await lag(server), cpu_seconds(server)) for server in made.servers]
        begun = time.perf_counter()
        results = await asyncio.gather(*(_stream(made, stack, number, user) for number, user in enumerate(users)))
        wrong = sum(result[0] for result in results)
        deltas = sum(result[1] for result in results)
        print(f"  {ROOMS} answers of {TOKENS} tokens, read by {2 * ROOMS} sockets: {deltas} delta frames")
        print(f"  texts that differ from the stored one: {wrong}")
        taken = time.perf_counter() - begun
        for number, (server, (lag, cpu)) in enumerate(zip(made.servers, before, strict=True), 1):
            share = (cpu_seconds(server) - cpu) / taken
            print(
                f"  process {number}: event-loop lag p99 <= {p99(await lag(server), lag) * 1e3:g} ms, "
                f"{share:.0%} of a core, {share * taken / (ROOMS * TOKENS) * 1e6:.0f} µs of CPU time per token"
            )
        print("  (aim: 0 texts that differ, p99 <= 50 ms)")


async def _stream(made: World, stack: AsyncExitStack, number: int, user: User) -> tuple[int, int]:
    """(texts that differ, delta frames)."""
    room = await made.site.room(made.store, user)
    chats = [await stack.enter_async_context(made.chat(number + extra, user)) for extra in (0, 1)]
    for chat in chats:
        await chat.hello(room)
    answer = (await chats[0].ask(room, QUESTION))["answer"]
    for chat in chats:
        await chat.until_status(room, answer, "complete", deadline=120)
    stored = await made.store.message(answer)
    assert stored is not None
    assert stored.text.count(" ") > TOKENS / 4
    texts = [_joined(chat, room, answer) for chat in chats]
    frames = sum(frame["type"] == "answer.delta" for chat in chats for frame in chat.frames)
    return sum(text != stored.text for text in texts), frames


def _joined(chat: Chat, room: str, answer: str) -> str:
    return chat.model.rooms[room].joined[answer]


async def lag(server: Server) -> dict[float, float]:
    """Upper bound in seconds -> timers that were at most that late."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{server.http}/metrics")).text
    found = re.findall(r'^chatserver_loop_lag_seconds_bucket\{.*le="([^"]+)"\} (\S+)', text, re.MULTILINE)
    return {float(bound): float(count) for bound, count in found}


def p99(after: dict[float, float], before: dict[float, float]) -> float:
    counts = {bound: count - before[bound] for bound, count in after.items()}
    total = max(counts.values())
    return min(bound for bound, count in counts.items() if count >= 0.99 * total)
