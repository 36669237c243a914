"""The whole production on one machine, without containers: started, used, rolled under load, stopped.

    python -m tests.production.check --server daphne

nginx with TLS, two serving processes, an answer worker, a Celery worker, PostgreSQL and Redis. A question is asked over
`wss://`; while people go on talking every process is replaced; in the end everything that was acknowledged is there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import socket
import ssl
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from chatserver.config import load
from chatserver.providers.scripted import ScriptedServer
from chatserver.serving.background import worker_command
from chatserver.serving.embedded import Engines
from tests.chat import Chat
from tests.nginx import Proxy
from tests.production.programs import Program, run
from tests.production.talker import QUESTION, Talker

DEADLINE = 90.0
TALKERS = 8
LOOK_SECONDS = 0.2
DOCUMENT = "# Rooms\n\nA room is a place where people and the assistant talk. A room has members.\n"
WORDS = " ".join(f"word{n}" for n in range(60)) + " 你好，世界 🙂. That is it. [1]"
"""Its citation stays: the sentence it stands in claims nothing that the passage could lack."""
SERVERS = ("daphne", "uvicorn")


class Production:
    """`async with Production(folder, server) as production`: everything runs and is ready."""

    def __init__(self, folder: Path, server: str, say: Callable[[str], None]) -> None:
        self.folder, self.server, self.say = folder, server, say
        self._stack = AsyncExitStack()
        self.programs: dict[str, Program] = {}
        self.proxy: Proxy
        self.environ: dict[str, str] = {}

    async def __aenter__(self) -> Production:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        for program in self.programs.values():
            program.kill()
        await self._stack.aclose()

    async def _start(self) -> None:
        engines = self._stack.enter_context(Engines(self.folder / "engines"))
        self.say("PostgreSQL and Redis run")
        model = await self._stack.enter_async_context(ScriptedServer(text=WORDS, first_token=0.05, rate=40))
        port = _free_port()
        self.environ = {
            **os.environ,
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "DATA_DIR": str(self.folder / "data"),
            "SECRET_KEY": secrets.token_urlsafe(32),
            "SERVER": self.server,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PROCESSES": "2",
            "TRUSTED_PROXIES": "1",
            "ANSWERS_PER_PROCESS": "0",
            "SENDS_PER_MINUTE": "100000",
            "LLM_BASE_URL": model.base_url,
            "LLM_MODEL": "scripted",
            "DEMO_PASSWORD": secrets.token_urlsafe(12),
            "PYTHONUNBUFFERED": "1",
        }
        proxy = Proxy(self.folder / "nginx", port, settings=self.environ, static=str(self.folder / "data" / "static"))
        self.proxy = await self._stack.enter_async_context(proxy)
        self.environ["PUBLIC_URL"] = self.proxy.origin
        self.say(f"nginx answers at {self.proxy.origin}")
        await self.manage("migrate", "--verbosity", "0")
        self.say("the database is migrated")
        await self.manage("collectstatic", "--no-input", "--verbosity", "0")
        self.say("static files are collected")
        await self.manage("demo")
        python = sys.executable
        commands: dict[str, Sequence[str]] = {
            "web": (
                *(python, "-m", "gunicorn", "chatserver.asgi:application"),
                *("-c", "chatserver/serving/gunicorn.conf.py"),
            ),
            "answer worker": (python, "manage.py", "answer_worker", "--slots", "32"),
            "ingest worker": worker_command(load(self.environ)),
        }
        for name, command in commands.items():
            self.programs[name] = Program(name, command, self.environ, self.folder / f"{name}.log")
            await self.programs[name].start()
        await self.until(partial(_ready, f"http://127.0.0.1:{port}/healthz"), "the server answers")
        await self.until(partial(_ready, f"{self.proxy.origin}/readyz", self.proxy.context), "it is ready behind nginx")
        self.say(f"two {self.server} processes, an answer worker and an ingest worker run")

    async def manage(self, *arguments: str) -> str:
        return await run(sys.executable, "manage.py", *arguments, environ=self.environ)

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until a condition (a coroutine function) holds. Raises `AssertionError` that tells what did not come,
        and what the programs said."""
        deadline = time.monotonic() + DEADLINE
        while not await condition():
            for program in self.programs.values():
                assert program.runs, f"{program.name} ended:\n{program.log}"
            assert time.monotonic() < deadline, f"not within {DEADLINE:g} s: {what}\n{self.logs}"
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def logs(self) -> str:
        return "\n".join(f"--- {program.name}\n{program.log}" for program in self.programs.values())


async def check(server: str, say: Callable[[str], None] = print) -> None:
    """Raises `AssertionError` with the first thing that is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="chatserver-production-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with Production(folder, server, say) as production:
            token = await _sign_in(production)
            await _give_document(production, token)
            await _ask(production, token)
            await _closed_doors(production)
            await _roll_under_load(production, token)
            await _stop(production)
    say("everything has stopped, and nothing is left")


async def _sign_in(production: Production) -> str:
    async with production.proxy.client() as client:
        said = {"username": "demo", "password": production.environ["DEMO_PASSWORD"]}
        answer = await client.post("/api/v1/auth/token", json=said)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access"])


async def _give_document(production: Production, token: str) -> None:
    async with production.proxy.client(Authorization=f"Bearer {token}") as client:
        answer = await client.post("/api/v1/documents", files={"file": ("rooms.md", DOCUMENT.encode())})
        assert answer.status_code == 202, answer.text
        document = answer.json()["id"]

        async def ready() -> bool:
            return bool((await client.get(f"/api/v1/documents/{document}")).json()["status"] == "ready")

        await production.until(ready, "the document is ready")
    production.say("an uploaded document was read by the ingest worker")


async def _ask(production: Production, token: str) -> None:
    room = await _room(production, token, "Question")
    async with Chat(production.proxy.ws, token, ssl=production.proxy.context) as chat:
        await chat.hello(room)
        answer = (await chat.ask(room, QUESTION, uuid.uuid4().hex, ask=True))["answer"]
        final = await chat.until_status(room, answer, "complete", deadline=DEADLINE)
        deltas = [frame for frame in chat.frames if frame["type"] == "answer.delta"]
        assert len(deltas) > 10, f"the answer did not stream: {len(deltas)} deltas"
        assert final["text"] == WORDS, final
        assert chat.model.rooms[room].joined[answer] == WORDS, "the pieces are not the text"
        assert final["sources"], "the answer has no source"
    production.say(f"a question over wss:// was answered in {len(deltas)} pieces, with its source")


async def _closed_doors(production: Production) -> None:
    async with production.proxy.client() as client:
        for path in ("/metrics", "/admin/"):
            assert (await client.get(path)).status_code == 403, f"{path} is open to everybody"
        page = (await client.get("/app/")).text
        style = next(part.split('"')[0] for part in page.split('href="') if part.startswith("/static/"))
        answer = await client.get(style)
        assert answer.status_code == 200, style
        assert "max-age" in answer.headers["Cache-Control"], style
    production.say("static files are served; /metrics and /admin/ are closed")


async def _roll_under_load(production: Production, token: str) -> None:
    rooms = [await _room(production, token, f"Load {n}") for n in range(TALKERS)]
    options = {"ssl": production.proxy.context}
    talkers = [Talker(production.proxy.ws, token, room, options) for room in rooms]
    over = asyncio.Event()
    talking = [asyncio.create_task(talker.talk(over)) for talker in talkers]
    try:

        async def answered() -> bool:
            _raise_early(talking)
            return all(talker.answers and talker.acknowledged for talker in talkers)

        await production.until(answered, "everybody talks and is answered")
        await production.manage("roll")
        production.say("both serving processes were replaced, one after the other")
        for name in ("answer worker", "ingest worker"):
            code = await production.programs[name].stop()
            assert code == 0, f"{name} ended with {code}:\n{production.programs[name].log}"
            await production.programs[name].start()
        production.say("the answer worker and the ingest worker were replaced")
        await production.proxy.reload()
        production.say("nginx has read its configuration again")
        begun = [len(talker.answers) for talker in talkers]

        async def more_answers() -> bool:
            _raise_early(talking)
            return all(len(talker.answers) > count for talker, count in zip(talkers, begun, strict=True))

        await production.until(more_answers, "everybody is answered after all of it")
    finally:
        over.set()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*talking)
    await _nothing_lost(production, token, talkers)


def _raise_early(talking: Sequence[asyncio.Task[None]]) -> None:
    for task in talking:
        if task.done():
            task.result()


async def _nothing_lost(production: Production, token: str, talkers: Sequence[Talker]) -> None:
    messages = answers = 0
    async with production.proxy.client(Authorization=f"Bearer {token}") as client:
        for talker in talkers:
            stored = await _history(client, talker.room)
            own = {each["cid"]: each for each in stored.values() if each["cid"]}
            assert own.keys() == talker.sent.keys(), "messages were lost, or stored twice"
            for cid, id_ in talker.acknowledged.items():
                assert own[cid]["id"] == id_, f"acknowledged as {id_}, stored as {own[cid]}"
                assert own[cid]["text"] == talker.sent[cid], own[cid]
            for answer in talker.answers:
                assert stored[answer]["status"] == "complete", stored[answer]
                assert stored[answer]["text"] == WORDS, stored[answer]
            known = talker.model.rooms[talker.room].messages
            assert {id_: each["text"] for id_, each in known.items()} == {
                id_: each["text"] for id_, each in stored.items()
            }, "a client's room is not the server's"
            messages, answers = messages + len(own), answers + len(talker.answers)
    reconnects = sum(talker.connections - 1 for talker in talkers)
    assert reconnects >= len(talkers), "the sockets were not asked to go elsewhere"
    production.say(f"{messages} messages and {answers} answers under load, {reconnects} reconnects: nothing lost")


async def _history(client: Any, room: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    before = None
    while True:
        answer = await client.get(
            f"/api/v1/rooms/{room}/messages", params={"limit": 100} | ({"before": before} if before else {})
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        for message in page["messages"]:
            assert message["id"] not in found, f"twice in the history: {message}"
            found[message["id"]] = message
        if not page["more"]:
            return found
        before = min(message["seq"] for message in page["messages"])


async def _room(production: Production, token: str, title: str) -> str:
    async with production.proxy.client(Authorization=f"Bearer {token}") as client:
        answer = await client.post("/api/v1/rooms", json={"title": title, "policy": "mention"})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["room"])


async def _stop(production: Production) -> None:
    for name, program in production.programs.items():
        code = await program.stop()
        assert code == 0, f"{name} ended with {code}:\n{program.log}"
        assert "Traceback" not in program.log, f"{name} said:\n{program.log}"


async def _ready(address: str, context: ssl.SSLContext | bool = False) -> bool:
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=DEADLINE) as client:
        try:
            return (await client.get(address)).status_code == 200
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.production.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--server", choices=SERVERS, default=os.environ.get("SERVER") or "daphne")
    server = parser.parse_args().server
    begin = time.monotonic()

    def say(line: str) -> None:
        print(f"  {time.monotonic() - begin:6.1f} s  {line}", flush=True)

    print(f"The production check, with {server}:", flush=True)
    try:
        asyncio.run(check(server, say))
    except AssertionError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print("Passed.")


if __name__ == "__main__":
    main()
