"""`manage.py answer_worker`: answers written in a process without sockets, for servers that write none."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from chatserver.providers.scripted import ScriptedServer
from tests.cluster.conftest import Cluster
from tests.server import ROOT

DEADLINE = 30.0
WORDS = " ".join(f"word{n}" for n in range(80)) + ". That is it. [1]"


@asynccontextmanager
async def answer_worker(environ: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", "answer_worker", "--slots", "4"),
        cwd=ROOT,
        env=os.environ | dict(environ) | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            assert b"Writing up to 4 answers" in await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_answers_are_written_elsewhere_and_handed_over_at_its_end(cluster: Cluster) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=20) as upstream,
        cluster.server(ANSWERS_PER_PROCESS="0") as server,
        cluster.chat(server, cluster.ann) as ann,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await ann.hello(room)
        answer = (await ann.ask(room, "What is a room?"))["answer"]
        environ = {**cluster.environ, "LLM_BASE_URL": upstream.base_url, "LLM_MODEL": "scripted"}
        async with answer_worker(environ) as first:
            await ann.until(lambda: getattr(ann.model.rooms[room].live.get(answer), "n", 0) >= 5)
            first.terminate()
            assert await first.wait() == 0
            await upstream.until_aborted(1)
        async with answer_worker(environ):
            final = await ann.until_status(room, answer, "complete")
        assert final["attempt"] == 2
        assert final["text"] == WORDS
        assert ann.model.rooms[room].joined[answer] == WORDS
