"""Processes are replaced one at a time, and nobody loses anything by it; one that hangs is replaced too."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import uuid

import pytest

from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from tests.chat import Chat, Refused
from tests.client_model import ClientModel
from tests.cluster.conftest import Cluster
from tests.server import ROOT, SERVERS, Server

PROCESSES = 2
RECYCLE_SOCKETS = 8
DEADLINE = 60.0
WORDS = " ".join(f"word{n}" for n in range(150)) + ". [1]"


class Person:
    """Somebody whose client comes back whenever its socket ends, and repeats what was not acknowledged."""

    def __init__(self, cluster: Cluster, server: Server, user: User, room: str) -> None:
        self.model = ClientModel()
        self.codes: list[int | None] = []
        self._open = lambda: cluster.chat(server, user, model=self.model)
        self._room = room
        self._chat: Chat | None = None
        self._changed = asyncio.Condition()

    async def live(self) -> None:
        while True:
            try:
                async with self._open() as chat:
                    await chat.hello(self._room)
                    await self._turn(chat)
                    await chat.until(lambda chat=chat: chat.closed is not None, DEADLINE)  # type: ignore[misc]
                    self.codes.append(chat.closed)
            except (OSError, Refused):
                await asyncio.sleep(0.1)  # as a client does before it comes back
            finally:
                await self._turn(None)

    async def ask(self, text: str) -> str:
        """Say `text` until it is acknowledged; returns the answer's id."""
        cid = uuid.uuid4().hex
        async with asyncio.timeout(DEADLINE):
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._chat is not None)
                    chat = self._chat
                assert chat is not None
                try:
                    return str((await chat.ask(self._room, text, cid=cid))["answer"])
                except (OSError, Refused):
                    await asyncio.sleep(0.1)

    async def _turn(self, chat: Chat | None) -> None:
        async with self._changed:
            self._chat = chat
            self._changed.notify_all()


async def until(condition: object, what: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def steps(server: Server) -> list[tuple[str, str]]:
    """Who left, in the order of the log."""
    return re.findall(r"process (\d+) (leaves|has left)", server.log)


async def roll(cluster: Cluster) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "roll"),
        cwd=ROOT,
        env={**os.environ, **cluster.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.parametrize("kind", SERVERS)
async def test_processes_are_replaced_one_at_a_time_without_loss(cluster: Cluster, kind: str) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=40) as upstream,
        cluster.server(
            kind,
            workers=PROCESSES,
            RECYCLE_SOCKETS=str(RECYCLE_SOCKETS),
            LLM_BASE_URL=upstream.base_url,
            LLM_MODEL="scripted",
        ) as server,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob)
        people = [Person(cluster, server, user, room) for user in (cluster.ann, cluster.ann, cluster.bob, cluster.bob)]
        lives = [asyncio.create_task(person.live()) for person in people]
        counts: set[int] = set()
        first = set(server.workers)

        # Over the bound of both: sockets that come and go, until all of the first processes are gone.
        async with asyncio.timeout(DEADLINE):
            answers = [await people[0].ask("What is a room?")]
            while first & set(server.workers):
                counts.add(len(server.workers))
                async with cluster.chat(server, cluster.bob) as visitor:
                    try:
                        await visitor.hello()
                    except ConnectionError:
                        pass  # it met one that leaves

        # And once more by hand, while an answer is written.
        second = set(server.workers)
        answers.append(await people[2].ask("What has members?"))
        said = await roll(cluster)
        assert re.search(r"(\d) of \1 processes replaced\.\n$", said)
        assert not second & set(server.workers)

        for answer in answers:
            for person in people:
                await until(lambda: _status(person.model, room, answer) == "complete", "the answer")  # noqa: B023
            stored = await cluster.store.message(answer)
            assert stored is not None
            assert {person.model.rooms[room].messages[answer]["text"] for person in people} == {stored.text}
        assert {code for person in people for code in person.codes} == {4012}
        order = steps(server)
        assert [step for _, step in order] == ["leaves", "has left"] * (len(order) // 2), "two left at once"
        assert all(one[0] == other[0] for one, other in zip(order[::2], order[1::2], strict=True))
        assert len(order) // 2 >= 2 * PROCESSES
        assert min(counts) >= PROCESSES, "it leaves only once its successor serves"
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        assert "Traceback" not in server.log


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_process_that_hangs_is_replaced(cluster: Cluster, kind: str) -> None:
    async with (
        cluster.server(kind, GUNICORN_CMD_ARGS="--timeout 2") as server,
        cluster.chat(server, cluster.ann) as ann,
    ):
        await ann.hello()
        (hung,) = server.workers
        os.kill(hung, signal.SIGSTOP)
        await ann.until(lambda: ann.closed is not None, DEADLINE)
        assert ann.closed == 1006
        async with cluster.chat(server, cluster.ann, model=ann.model) as again:
            await again.hello()
        assert hung not in server.workers
        assert "WORKER TIMEOUT" in server.log


def _status(model: ClientModel, room: str, message: str) -> str:
    found = model.rooms[room].messages.get(message) if room in model.rooms else None
    return str(found["status"]) if found else ""
