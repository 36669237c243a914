"""An answer is the same text for everybody: on every process, across reconnects, through faults of any part."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest
import redis.asyncio

from chatserver.providers.scripted import ScriptedServer
from tests.chat import Chat
from tests.cluster.conftest import Cluster
from tests.own_redis import OwnRedis
from tests.server import SERVERS, Server

QUESTION = "What is a room?"
WORDS = " ".join(f"word{n}" for n in range(120)) + " 你好，世界 🙂. That is it. [1]"


def model(server: ScriptedServer) -> dict[str, str]:
    return {"LLM_BASE_URL": server.base_url, "LLM_MODEL": "scripted"}


def joined(chat: Chat, room: str, answer: str) -> str:
    return chat.model.rooms[room].joined[answer]


async def until_begun(chat: Chat, room: str, answer: str, n: int = 5) -> None:
    """Wait until some of the answer's text has arrived, but not its end."""
    await chat.until(lambda: getattr(chat.model.rooms[room].live.get(answer), "n", 0) >= n)


async def who_writes(cluster: Cluster, servers: Sequence[Server]) -> tuple[Server, Server]:
    """The one of two servers that writes the only answer there is, and the other one."""
    (job,) = await cluster.store.running()
    group = os.getpgid(int(job.worker.split(".")[-2]))  # its name is host.pid.random
    return tuple(sorted(servers, key=lambda server: server.pid != group))  # type: ignore[return-value]


async def stored(cluster: Cluster, answer: str) -> str:
    message = await cluster.store.message(answer)
    assert message is not None
    return message.text


@pytest.mark.parametrize("server", SERVERS)
async def test_three_sockets_on_two_processes_join_the_deltas_to_the_stored_text(cluster: Cluster, server: str) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=30) as upstream,
        cluster.server(server, **model(upstream)) as one,
        cluster.server(server, **model(upstream)) as two,
        cluster.chat(one, cluster.ann) as ann,
        cluster.chat(two, cluster.bob) as bob,
        cluster.chat(one, cluster.bob) as phone,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob)
        for chat in (ann, bob, phone):
            await chat.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]

        await until_begun(phone, room, answer)
        known = phone.model
        phone.cut()
        async with cluster.chat(two, cluster.bob, model=known) as again:
            await again.hello(room)
            finals = await asyncio.gather(*(chat.until_status(room, answer, "complete") for chat in (ann, bob, again)))
            text = await stored(cluster, answer)
            assert "word119" in text
            assert "🙂" in text
            for chat, final in zip((ann, bob, again), finals, strict=True):
                assert final["text"] == text
                assert joined(chat, room, answer) == text
            # In pieces, not at once at the end.
            assert sum(frame["type"] == "answer.delta" for frame in bob.frames) > 10


async def test_the_loss_of_the_writing_process_starts_a_second_attempt(cluster: Cluster) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=20) as upstream,
        cluster.server(**model(upstream), ANSWERS_PER_PROCESS="0") as reader,
        cluster.server(**model(upstream)) as one,
        cluster.server(**model(upstream)) as two,
        cluster.chat(reader, cluster.ann) as ann,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await ann.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]
        await until_begun(ann, room, answer)
        writer, _ = await who_writes(cluster, (one, two))
        loop = asyncio.get_running_loop()
        await writer.kill()
        killed = loop.time()
        await ann.until(
            lambda: any(f["type"].startswith("answer.") and f["attempt"] == 2 for f in ann.frames), deadline=30
        )
        assert loop.time() - killed < 12  # a promise of the protocol, not a measurement
        final = await ann.until_status(room, answer, "complete")
        assert final["attempt"] == 2
        assert final["text"] == await stored(cluster, answer) == joined(ann, room, answer)


async def test_redis_may_be_flushed_and_restarted_while_an_answer_streams(
    cluster: Cluster, redis_of_our_own: OwnRedis
) -> None:
    environ = {"REDIS_URL": redis_of_our_own.url}
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=25) as upstream,
        cluster.server(**model(upstream), **environ) as one,
        cluster.server(**model(upstream), **environ) as two,
        cluster.chat(one, cluster.ann) as ann,
        cluster.chat(two, cluster.bob) as bob,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob)
        await ann.hello(room)
        await bob.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]
        await until_begun(bob, room, answer)
        client = redis.asyncio.Redis.from_url(redis_of_our_own.url)
        await client.flushall()
        await client.aclose()
        redis_of_our_own.restart()
        finals = await asyncio.gather(*(chat.until_status(room, answer, "complete") for chat in (ann, bob)))
        text = await stored(cluster, answer)
        assert [final["text"] for final in finals] == [text, text]
        assert ann.closed is None
        assert bob.closed is None
        # And what comes after finds both again.
        again = (await bob.ask(room, QUESTION))["answer"]
        await asyncio.gather(*(chat.until_status(room, again, "complete") for chat in (ann, bob)))


async def test_a_message_sent_twenty_times_is_stored_and_answered_once(cluster: Cluster) -> None:
    async with (
        ScriptedServer(text="Short. [1]", first_token=0.01, rate=200) as upstream,
        cluster.server(**model(upstream)) as one,
        cluster.server(**model(upstream)) as two,
        cluster.chat(one, cluster.ann) as left,
        cluster.chat(two, cluster.ann) as right,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await left.hello(room)
        await right.hello(room)
        oks = await asyncio.gather(*((left, right)[n % 2].ask(room, QUESTION, cid="same") for n in range(20)))
        assert sum(not ok["duplicate"] for ok in oks) == 1
        same = {(ok["message"], ok["seq"], ok["answer"]) for ok in oks}
        assert len(same) == 1
        ((message, _, answer),) = same
        await asyncio.gather(*(chat.until_status(room, answer, "complete") for chat in (left, right)))
        history, _ = await cluster.store.history(room, 10_000, 100)
        assert {found.id for found in history} == {message, answer}


async def test_stop_from_another_process_keeps_the_text_and_closes_the_upstream(cluster: Cluster) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=20) as upstream,
        cluster.server(**model(upstream), ANSWERS_PER_PROCESS="0") as reader,
        cluster.server(**model(upstream)),
        cluster.chat(reader, cluster.ann) as ann,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await ann.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]
        await until_begun(ann, room, answer)
        await ann.command("answer.stop", message=answer)
        final = await ann.until_status(room, answer, "stopped")
        assert final["text"]
        assert WORDS.startswith(final["text"])
        assert final["text"] == await stored(cluster, answer)
        await upstream.until_aborted(1)
        again = await ann.command("answer.retry", message=answer, attempt=1)
        assert again["attempt"] == 2
        assert (await ann.until_status(room, answer, "complete"))["text"].count("word119") == 1


@pytest.mark.parametrize("server", SERVERS)
async def test_a_draining_process_says_bye_and_hands_its_answer_over(cluster: Cluster, server: str) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=20) as upstream,
        cluster.server(server, **model(upstream)) as one,
        cluster.server(server, **model(upstream)) as two,
        cluster.chat(one, cluster.ann) as first,
        cluster.chat(two, cluster.ann) as second,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await first.hello(room)
        await second.hello(room)
        answer = (await first.ask(room, QUESTION))["answer"]
        await until_begun(first, room, answer)
        leaving, staying = await who_writes(cluster, (one, two))
        chat = first if leaving is one else second
        leaving.terminate()
        await chat.until(lambda: chat.closed is not None)
        assert chat.closed == 4012
        assert chat.frames[-1]["type"] == "bye"
        assert await leaving.stop() == 0
        async with cluster.chat(staying, cluster.ann, model=chat.model) as again:
            await again.hello(room)
            final = await again.until_status(room, answer, "complete")
            assert final["attempt"] == 2
            assert final["text"] == await stored(cluster, answer)
