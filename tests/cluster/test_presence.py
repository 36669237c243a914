"""Who is online, and what concerns one user, is known to every process, whichever has the socket."""

from __future__ import annotations

import asyncio
import os
import signal

import httpx
import redis.asyncio

from chatserver.protocol.frames import User
from chatserver.realtime.presence import USERS
from tests.chat import Chat, Frame
from tests.cluster.conftest import Cluster
from tests.credentials import access_token
from tests.own_redis import OwnRedis

DEADLINE = 40.0


async def written(client: redis.asyncio.Redis, user: User, after: float = 0.0) -> float:
    """When a process last wrote that it has `user`: waits until that is later than `after`."""
    async with asyncio.timeout(DEADLINE):
        while (at := await client.zscore(USERS, user.id) or 0.0) <= after:
            await asyncio.sleep(0.05)
    return at


def said(chat: Chat, user: User) -> list[bool]:
    """What `chat` heard of `user`: came (True) or went."""
    return [f["online"] for f in chat.frames if f["type"] == "room.presence" and f.get("user") == user.id]


def shown(chat: Chat) -> Frame:
    found: Frame = next(frame["presence"] for frame in chat.frames if frame["type"] == "room.changes")
    return found


async def test_who_is_online_elsewhere_is_in_the_first_view_of_a_room(
    cluster: Cluster, redis_of_our_own: OwnRedis
) -> None:
    cyd, eve = await cluster.site.user("Cyd"), await cluster.site.user("Eve")
    room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob, cyd)
    other = await cluster.site.room(cluster.store, eve)
    async with (
        redis.asyncio.Redis.from_url(redis_of_our_own.url) as client,
        cluster.server(REDIS_URL=redis_of_our_own.url) as one,
        cluster.server(REDIS_URL=redis_of_our_own.url) as two,
        cluster.chat(one, cluster.ann) as ann,
        cluster.chat(one, eve) as stranger,
    ):
        await ann.hello(room)
        await stranger.hello(other)
        await written(client, eve, await written(client, cluster.ann) - 1)
        async with cluster.chat(two, cluster.bob) as bob:
            await bob.hello(room)
            assert (shown(bob)["online"], set(shown(bob)["users"])) == (2, {cluster.ann.id, cluster.bob.id})
            # And who comes later is told, of those who are in the room.
            await ann.until(lambda: said(ann, cluster.bob) == [True], DEADLINE)
            assert not said(bob, eve)


async def test_whoever_reconnects_elsewhere_never_left_and_a_killed_process_takes_its_own_offline(
    cluster: Cluster, redis_of_our_own: OwnRedis
) -> None:
    cyd = await cluster.site.user("Cyd")
    room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob, cyd)
    async with (
        redis.asyncio.Redis.from_url(redis_of_our_own.url) as client,
        cluster.server(REDIS_URL=redis_of_our_own.url) as one,
        cluster.server(REDIS_URL=redis_of_our_own.url) as two,
        cluster.chat(two, cluster.bob) as bob,
        cluster.chat(one, cyd) as cyds,
    ):
        await bob.hello(room)
        await cyds.hello(room)
        async with cluster.chat(one, cluster.ann) as ann:
            await ann.hello(room)
            await bob.until(lambda: said(bob, cluster.ann) == [True] and said(bob, cyd) == [True], DEADLINE)
        async with cluster.chat(two, cluster.ann) as ann:
            await ann.hello(room)
            os.killpg(one.pid, signal.SIGKILL)
            await bob.until(lambda: said(bob, cyd) == [True, False], DEADLINE)
            # By then Ann, too, was last had by the first process longer ago than whoever is away may be.
            assert said(bob, cluster.ann) == [True]
            # A Redis that forgot everything is told anew before anybody is offline.
            at = await written(client, cluster.ann)
            await client.flushall()
            await written(client, cluster.ann, await written(client, cluster.ann, at))
            assert said(bob, cluster.ann) == [True]


async def test_news_for_one_user_reaches_the_process_that_has_the_socket(cluster: Cluster) -> None:
    async with (
        cluster.server() as one,
        cluster.server() as two,
        cluster.chat(two, cluster.bob) as bob,
        httpx.AsyncClient(base_url=one.http, trust_env=False) as http,
    ):
        await bob.hello()
        for user in (cluster.ann, cluster.bob):
            await cluster.site.join(user)
        created = await http.post(
            "/api/v1/rooms",
            json={"title": "Plans", "policy": "off", "members": [cluster.bob.id]},
            headers={"Authorization": f"Bearer {access_token(cluster.ann.id)}"},
        )
        assert created.status_code == 201
        room = created.json()["room"]
        await bob.until(lambda: any(f["type"] == "room.added" and f["room"]["room"] == room for f in bob.frames))
