"""Time to the first token beyond the model's own, from `message.send` to the first `answer.delta`, one stream."""

from __future__ import annotations

import asyncio
import time

import httpx

from bench.world import QUESTION, World, percentile, world
from tests.chat import Chat

QUESTIONS = 100
WARM_UP = 5
MODEL_SECONDS = 0.02


async def measure() -> None:
    async with world(
        processes=1, model=["--first-token", str(MODEL_SECONDS), "--rate", "200", "--tokens", "20"]
    ) as made:
        (user,) = await made.users(1)
        # A room for each question: with a history the model is asked twice, once to make the question stand alone.
        rooms = [await made.site.room(made.store, user) for _ in range(WARM_UP + QUESTIONS)]
        async with made.chat(0, user) as chat:
            await chat.hello(*rooms)
            whole = [await _ask(chat, room) for room in rooms][WARM_UP:]
        own = await _upstream(made)
        added = [value - percentile(own, 0.5) for value in whole]
        print(f"  the model alone           p50 {percentile(own, 0.5) * 1e3:6.1f} ms")
        print(f"  a question's first token  p50 {percentile(whole, 0.5) * 1e3:6.1f} ms")
        print(
            f"  added                     p50 {percentile(added, 0.5) * 1e3:6.1f} ms   p99 "
            f"{percentile(added, 0.99) * 1e3:6.1f} ms   (aim: p50 <= 15 ms)"
        )


async def _ask(chat: Chat, room: str) -> float:
    """Seconds until the first delta, as the client sees it: both ways over the loopback are in it."""
    chat.frames.clear()
    begun = time.perf_counter()
    answer = asyncio.create_task(chat.ask(room, QUESTION))
    await chat.until(lambda: any(frame["type"] == "answer.delta" for frame in chat.frames))
    taken = time.perf_counter() - begun
    await chat.until_status(room, (await answer)["answer"], "complete")
    return taken


async def _upstream(made: World) -> list[float]:
    taken: list[float] = []
    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(QUESTIONS):
            begun = time.perf_counter()
            async with client.stream("POST", f"{made.upstream}/chat/completions", json=body) as response:
                async for line in response.aiter_lines():
                    if '"content"' in line and '"content": ""' not in line and '"content":""' not in line:
                        taken.append(time.perf_counter() - begun)
                        break
    return taken
