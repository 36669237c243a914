"""Rooms shared among two Redis hosts: one of them may go and come back, and only its rooms are a little late."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from chatserver.realtime.bus import group_of, prefix_of, shard_of
from tests.chat import Chat
from tests.cluster.conftest import Cluster
from tests.own_redis import OwnRedis, own_redis
from tests.server import Server

DEADLINE = 30.0
QUESTION = "What is a room?"
WORDS = " ".join(f"word{n}" for n in range(260)) + ". That is it. [1]"
PIECES = 20
"""Deltas of an answer that comes as it is written; by the sweep alone it would come in a few."""


@pytest.fixture
def hosts() -> Iterator[list[OwnRedis]]:
    with ExitStack() as stack:
        folders = [stack.enter_context(tempfile.TemporaryDirectory(prefix="chatserver-redis-")) for _ in range(2)]
        yield [stack.enter_context(own_redis(Path(folder))) for folder in folders]


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(text=WORDS, first_token=0.05, rate=20) as server:
        yield server


def settings(hosts: list[OwnRedis], upstream: ScriptedServer) -> dict[str, str]:
    urls = ",".join(host.url for host in hosts)
    return {"REDIS_URL": urls, "LLM_BASE_URL": upstream.base_url, "LLM_MODEL": "scripted"}


async def room_on(cluster: Cluster, hosts: list[OwnRedis], number: int, *users: User) -> str:
    prefix = prefix_of([host.url for host in hosts])
    while True:
        room = await cluster.site.room(cluster.store, *users)
        if shard_of(group_of(room), prefix, len(hosts)) == number:
            return room


def deltas(chat: Chat, answer: str) -> int:
    return sum(frame["type"] == "answer.delta" and frame["message"] == answer for frame in chat.frames)


async def until_deltas(chat: Chat, count: int, *answers: str) -> None:
    await chat.until(lambda: all(deltas(chat, answer) >= count for answer in answers))


def came(chat: Chat, room: str, user: User) -> bool:
    wanted = {"type": "room.presence", "room": room, "user": user.id, "online": True}
    return any(frame.items() >= wanted.items() for frame in chat.frames)


async def ready(server: Server, wanted: Callable[[httpx.Response], bool]) -> dict[str, Any]:
    """Wait until /readyz answers as `wanted`."""
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as client, asyncio.timeout(DEADLINE):
        while not wanted(answer := await client.get("/readyz")):
            await asyncio.sleep(0.1)
    found: dict[str, Any] = answer.json()
    return found


async def test_rooms_of_a_redis_that_is_away_are_late_and_others_are_not(
    cluster: Cluster, hosts: list[OwnRedis], upstream: ScriptedServer
) -> None:
    environ = settings(hosts, upstream)
    cyd = await cluster.site.user("Cyd")
    async with (
        cluster.server(**environ) as one,
        cluster.server(**environ) as two,
        cluster.chat(one, cluster.ann) as ann,
        cluster.chat(two, cluster.bob) as bob,
    ):
        first, second = [await room_on(cluster, hosts, number, cluster.ann, cluster.bob, cyd) for number in (0, 1)]
        for chat in (ann, bob):
            await chat.hello(first, second)
        for server in (one, two):
            assert (await ready(server, lambda answer: answer.status_code == 200))["redis"] == "ok"
        late, prompt = [(await ann.ask(room, QUESTION))["answer"] for room in (first, second)]
        for chat in (ann, bob):
            await until_deltas(chat, 5, late, prompt)

        hosts[0].stop()
        for server in (one, two):
            said = await ready(server, lambda answer: answer.json()["status"] == "degraded")
            assert said["redis"].startswith("host 1 of 2: ")
            assert (said["database"], said["index"]) == ("ok", "ok")
        sent = await bob.ask(first, "Do you hear me?", ask=False)
        await ann.until_status(first, sent["message"], "complete")
        # Who comes meanwhile is seen from the other process as well.
        async with cluster.chat(two, cyd) as phone:
            await phone.hello(second)
            await ann.until(lambda: came(ann, second, cyd), deadline=DEADLINE)

        # The one room went on as it was written, the other one has it all in the end.
        for room, answer in ((second, prompt), (first, late)):
            for chat in (ann, bob):
                final = await chat.until_status(room, answer, "complete", deadline=DEADLINE)
                assert final["text"] == WORDS
                assert final["attempt"] == 1
        assert min(deltas(chat, prompt) for chat in (ann, bob)) >= PIECES
        assert [chat.model.rooms[second].joined[prompt] for chat in (ann, bob)] == [WORDS, WORDS]

        hosts[0].start()
        for server in (one, two):
            await ready(server, lambda answer: answer.json()["status"] == "ok")
        again = [(await bob.ask(room, QUESTION))["answer"] for room in (first, second)]
        for chat in (ann, bob):
            await until_deltas(chat, PIECES, *again)
        assert (ann.closed, bob.closed) == (None, None)

        for host in hosts:
            host.stop()
        for server in (one, two):
            said = await ready(server, lambda answer: answer.status_code == 503)
            assert "host 1 of 2: " in said["redis"]
            assert "host 2 of 2: " in said["redis"]


async def test_a_redis_that_is_away_from_the_start_takes_only_its_rooms_with_it(
    cluster: Cluster, hosts: list[OwnRedis], upstream: ScriptedServer
) -> None:
    environ = settings(hosts, upstream)
    hosts[0].stop()
    async with (
        cluster.server(**environ, ANSWERS_PER_PROCESS="0") as reader,
        cluster.server(**environ),
        cluster.chat(reader, cluster.ann) as ann,
    ):
        room = await room_on(cluster, hosts, 1, cluster.ann)
        await ann.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]
        await until_deltas(ann, PIECES, answer)
        async with httpx.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"{reader.http}/metrics")).text
        assert "chatserver_bus_received_total 0" not in metrics


async def test_processes_that_name_other_hosts_are_not_ready(
    cluster: Cluster, hosts: list[OwnRedis], upstream: ScriptedServer
) -> None:
    async with cluster.server(**settings(hosts, upstream)) as right:
        await ready(right, lambda answer: answer.status_code == 200)
        # In another order the same hosts are others: a room would be elsewhere.
        async with cluster.server(**settings(hosts[::-1], upstream)) as wrong:
            for server in (wrong, right):
                said = await ready(server, lambda answer: answer.status_code == 503)
                assert said["redis"] == "other processes are configured with other Redis hosts"
        await ready(right, lambda answer: answer.status_code == 200)
