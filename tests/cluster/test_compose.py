"""The start-up of docker/compose.yaml without containers; its commands, environment and order are read from there, so
that they cannot drift.

Each service gets an address of its own in 127.0.0.0/8, as a container has one, so that ports stay as they are written.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from chatserver.providers.scripted import ScriptedServer
from chatserver.rooms.store import Store
from chatserver.serving.embedded import Engines
from tests.chat import Chat
from tests.cluster.test_streams import WORDS, until_begun
from tests.compose import DOCKER, FILE, Service, env_file, in_order, load
from tests.conftest import fresh_database
from tests.credentials import access_token
from tests.nginx import certificate, program
from tests.owner import Owner
from tests.records import Site
from tests.server import ROOT
from tests.serving import environment

DEADLINE = 120.0
LISTENING = ("nginx", "web-1", "web-2")
ENGINES = ("postgres", "redis")


def address(service: str) -> str:
    """Its own on this machine: a process id is below 2 ** 22."""
    high, low = divmod(os.getpid(), 254)
    index = LISTENING.index(service) if service in LISTENING else 0
    return f"127.{1 + 65 * index + high // 256}.{high % 256}.{low + 1}"


class Stack:
    """The services as processes. `say` is what each of them printed."""

    def __init__(self, folder: Path, database_url: str, redis_url: str, **settings: str) -> None:
        self.folder = folder
        self._urls = {"DATABASE_URL": ("postgres", database_url), "REDIS_URL": ("redis", redis_url)}
        for name in ("data", "config", "tls", "tmp"):
            (folder / name).mkdir()
        self.public, _ = certificate(folder / "tls", address=address("nginx"))
        self.public.rename(folder / "tls/fullchain.pem")
        (folder / "tls/key.pem").rename(folder / "tls/privkey.pem")
        self.address = f"{address('nginx')}:8443"
        self._settings = {
            **env_file(DOCKER / ".env.example"),
            "PUBLIC_URL": f"https://{self.address}",
            "SECRET_KEY": os.environ["SECRET_KEY"],
            "POSTGRES_PASSWORD": "not-used-here",
            "TLS_FOLDER": str(folder / "tls"),
            **settings,
        }
        self.services: dict[str, Service] = load(FILE, self._settings)["services"]
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "tls/fullchain.pem")

    def local(self, text: str) -> str:
        """A word of the file, with what it names inside a container being ours."""
        for service in ("web-1", "web-2"):
            text = text.replace(f"{service}:", f"{address(service)}:")
        if text in ("8443", "8080"):  # nginx would listen everywhere
            return f"{address('nginx')}:{text}"
        places = {"/srv/static": "data/static", "/data": "data", "/config": "config", "/tls": "tls", "/tmp": "tmp"}
        for inside, outside in places.items():
            if text == inside or text.startswith(f"{inside}/"):
                return str(self.folder / outside) + text.removeprefix(inside)
        return text

    def environ(self, name: str) -> dict[str, str]:
        service = self.services[name]
        found = {key: self.local(value) for key, value in service["environment"].items()}
        for key, (host, url) in self._urls.items():
            assert urlsplit(found[key]).hostname == host
            found[key] = url
        found["HOST"] = address(name)
        found["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        known = {key: value for key, value in self._settings.items() if value}
        return environment(**{**known, "ALLOWED_HOSTS": f"{found['HOST']},localhost", **found})

    async def start(self, name: str) -> None:
        service = self.services[name]
        if name == "nginx":
            command = [self.local(word) for word in service["entrypoint"]]
            assert command[-1] == "daemon off;"
            command = [program(), *command[1:-1], f"daemon off; user {getpass.getuser()};"]
            environ: Mapping[str, str] = os.environ
        else:
            command, environ = [self.local(word) for word in service["command"]], self.environ(name)
            command[0] = shutil.which(command[0], path=environ["PATH"]) or command[0]
        self.processes[name] = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environ, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )

    async def wait(self, name: str, condition: str) -> None:
        process = self.processes[name]
        if condition == "service_completed_successfully":
            assert await process.wait() == 0, name
            return
        assert condition == "service_healthy"
        while not await self.healthy(name):
            assert process.returncode is None, name
            await asyncio.sleep(0.1)

    async def healthy(self, name: str) -> bool:
        """By the health check of the image, or the one that the file gives."""
        if name == "nginx":
            url = self.services[name]["healthcheck"]["test"][-1].replace("127.0.0.1", address(name))
            async with httpx.AsyncClient(trust_env=False) as client:
                try:
                    return (await client.get(url)).is_success
                except httpx.TransportError:
                    return False
        text = (DOCKER / "Dockerfile").read_text()
        check = json.loads(text.partition("HEALTHCHECK ")[2].partition("CMD ")[2].splitlines()[0])
        environ = self.environ(name)
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", check[2].replace("localhost", environ["HOST"])),
            env=environ,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await run.wait() == 0

    async def up(self) -> None:
        async with asyncio.timeout(DEADLINE):
            for name in in_order(self.services):
                if name in ENGINES:
                    continue
                for other, how in self.services[name].get("depends_on", {}).items():
                    if other not in ENGINES:
                        await self.wait(other, how["condition"])
                await self.start(name)
            await self.wait("nginx", "service_healthy")

    async def down(self) -> dict[str, int]:
        """As `docker compose down` does: dependents first. Exit codes."""
        codes = {}
        for name in reversed(self.processes):
            process, service = self.processes[name], self.services[name]
            if process.returncode is None:
                process.send_signal(getattr(signal, service.get("stop_signal", "SIGTERM")))
                try:
                    async with asyncio.timeout(float(service["stop_grace_period"].removesuffix("s"))):
                        await process.wait()
                except TimeoutError:
                    os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
            assert process.returncode is not None
            codes[name] = process.returncode
        return codes


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[Stack]:
    try:
        await stack.up()
        yield stack
    finally:
        await stack.down()


async def test_what_compose_starts_answers_over_tls_and_stops_clean(
    engines: Engines, redis_url: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as exits:
        database_url = exits.enter_context(fresh_database(engines, "template0"))
        upstream = await exits.enter_async_context(ScriptedServer(text=WORDS, first_token=0.05, rate=30))
        model = {"LLM_BASE_URL": upstream.base_url, "LLM_MODEL": "scripted", "PROCESSES": "1"}
        stack = await exits.enter_async_context(running(Stack(tmp_path, database_url, redis_url, **model)))
        store = await Store.open(database_url)
        exits.push_async_callback(store.close)
        site = await Site(store.pool).create()
        ann = await site.user("Ann")
        await store.pool.execute(
            "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, 'admin')", site.id, ann.id
        )
        token = access_token(ann.id)
        origin = f"https://{stack.address}"
        async with Owner(
            base_url=origin, verify=stack.context, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        ) as owner:
            document = await owner.give("rooms.md", b"# Rooms\n\nA room is a place where people talk.", "text/markdown")
            assert (await owner.until(document, "ready"))["title"] == "Rooms"
            assets = [path for path in (tmp_path / "data/static/assets").iterdir() if path.suffix == ".js"]
            script = await owner.get(f"/static/assets/{assets[0].name}")
            assert "immutable" in script.headers["cache-control"]
        async with Chat(f"wss://{stack.address}/ws", token, ssl=stack.context) as chat:
            room = await site.room(store, ann)
            await chat.hello(room)
            answer = (await chat.ask(room, "What is a room?"))["answer"]
            await until_begun(chat, room, answer)
            (job,) = await store.running()
            assert int(job.worker.split(".")[-2]) == stack.processes["answers"].pid
            final = await chat.until_status(room, answer, "complete")
            assert final["text"] == upstream.text
        codes = await stack.down()
        assert set(codes.values()) == {0}, codes
