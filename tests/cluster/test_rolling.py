"""Processes are replaced one at a time, and nobody loses anything by it; one that hangs is replaced too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from chatserver.serving.rolling import Crew
from tests.chat import Chat, Refused
from tests.client_model import ClientModel
from tests.cluster.conftest import Cluster
from tests.server import ROOT, Server

PROCESSES = 2
DEADLINE = 120.0
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

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._life.cancel()
        await asyncio.gather(self._life, return_exceptions=True)

    async def _live(self) -> None:
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


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
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


@contextlib.asynccontextmanager
async def crowd(cluster: Cluster, kind: str, **environ: str) -> AsyncIterator[tuple[Server, list[Person], str]]:
    """A server with two processes, four people in a room on it, and a slow model."""
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=40) as upstream,
        cluster.server(
            kind, workers=PROCESSES, LLM_BASE_URL=upstream.base_url, LLM_MODEL="scripted", **environ
        ) as server,
        contextlib.AsyncExitStack() as stack,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob)
        people = [Person(cluster, server, user, room) for user in (cluster.ann, cluster.ann, cluster.bob, cluster.bob)]
        for person in people:
            await stack.enter_async_context(person)
        yield server, people, room


async def all_have(cluster: Cluster, people: list[Person], room: str, answer: str) -> None:
    """Everybody has the answer's text as it is stored."""
    for person in people:
        await until(lambda: _status(person.model, room, answer) == "complete")  # noqa: B023
    stored = await cluster.store.message(answer)
    assert stored is not None
    assert {person.model.rooms[room].messages[answer]["text"] for person in people} == {stored.text}


def left_one_by_one(server: Server, people: list[Person]) -> None:
    order = steps(server)
    assert [step for _, step in order] == ["leaves", "has left"] * (len(order) // 2), "two left at once"
    assert all(one[0] == other[0] for one, other in zip(order[::2], order[1::2], strict=True))
    assert len(order) // 2 >= PROCESSES
    assert {code for person in people for code in person.codes} == {4012}
    assert "Traceback" not in server.log


async def test_a_process_that_has_served_enough_sockets_is_replaced(cluster: Cluster) -> None:
    async with crowd(cluster, "daphne", RECYCLE_SOCKETS="20") as (server, people, room):
        first, counts = set(server.workers), set[int]()
        answer = await people[0].ask("What is a room?")
        # Over the bound of both: sockets come and go while nobody is being replaced, until the first two are gone.
        async with asyncio.timeout(DEADLINE):
            while first & set(server.workers):
                counts.add(len(server.workers))
                if server.log.count("is to be replaced") > server.log.count("has left"):
                    await asyncio.sleep(0.05)
                    continue
                with contextlib.suppress(OSError):  # it met one that leaves
                    async with cluster.chat(server, cluster.bob):
                        pass
        assert min(counts) >= PROCESSES, "it leaves only once its successor serves"
        await all_have(cluster, people, room, answer)
        left_one_by_one(server, people)


async def test_all_processes_are_replaced_by_hand_while_an_answer_is_written(cluster: Cluster) -> None:
    async with crowd(cluster, "uvicorn") as (server, people, room):
        first = set(server.workers)
        answer = await people[0].ask("What is a room?")
        assert re.search(r"(\d) of \1 processes replaced\.\n$", await roll(cluster))
        assert not first & set(server.workers)
        await until(lambda: len(server.workers) == PROCESSES)
        await all_have(cluster, people, room, answer)
        left_one_by_one(server, people)


async def test_code_that_does_not_start_stops_a_roll_and_mended_code_ends_it(cluster: Cluster, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for part in ("chatserver", "consumers"):
        shutil.copytree(ROOT / part, code / part, ignore=shutil.ignore_patterns("__pycache__"))
    # One that the arbiter has loaded itself, so that its processes would inherit the old one.
    module = code / "chatserver" / "errors.py"
    good = module.read_text()
    async with Server(cluster.environ, root=code) as server:
        (before,) = server.workers
        module.write_text("raise RuntimeError('not like this')\n")
        (crew,) = Crew.all(Path(cluster.environ["DATA_DIR"]))
        crew.request()
        await until(lambda: "not like this" in server.log)
        assert [ready.pid for ready in crew.ready()] == [before]
        async with cluster.chat(server, cluster.ann) as ann:
            await ann.hello()
        module.write_text(good)
        await until(lambda: before not in server.workers)
        assert [ready.mark for ready in crew.ready()] == [crew.mark()]
        async with cluster.chat(server, cluster.ann) as ann:
            await ann.hello()


async def test_a_process_that_hangs_is_replaced(cluster: Cluster) -> None:
    async with (
        cluster.server(GUNICORN_CMD_ARGS="--timeout 6") as server,
        cluster.chat(server, cluster.ann) as ann,
    ):
        await ann.hello()
        (hung,) = server.workers
        os.kill(hung, signal.SIGSTOP)
        await ann.until(lambda: ann.closed is not None, DEADLINE)
        assert ann.closed == 1006
        await server.ready()
        assert hung not in server.workers
        async with cluster.chat(server, cluster.ann, model=ann.model) as again:
            await again.hello()
        assert "WORKER TIMEOUT" in server.log


def _status(model: ClientModel, room: str, message: str) -> str:
    found = model.rooms[room].messages.get(message) if room in model.rooms else None
    return str(found["status"]) if found else ""
