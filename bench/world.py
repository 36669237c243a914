"""What the benchmarks measure on: private engines, a site with users and a document, a scripted model, real servers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chatserver.protocol.frames import User
from chatserver.rooms.store import Store
from chatserver.serving.embedded import Engines
from tests.chat import Chat
from tests.credentials import access_token
from tests.records import Site
from tests.server import ROOT, Server

QUESTION = "What is a room?"


@dataclass
class World:
    store: Store
    site: Site
    servers: Sequence[Server]
    upstream: str
    environ: Mapping[str, str]
    """Settings of the servers, for commands beside them."""

    async def users(self, count: int) -> list[User]:
        return [await self.site.user(f"user{n}") for n in range(count)]

    def chat(self, number: int, user: User) -> Chat:
        """A socket to server `number`."""
        return Chat(self.servers[number % len(self.servers)].ws, access_token(user.id))


@asynccontextmanager
async def world(*, processes: int, model: Sequence[str] = (), **settings: str) -> AsyncIterator[World]:
    """`model`: arguments of the scripted model, which runs in a process of its own."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chatserver-bench-")))
        folder.chmod(0o711)
        engines = stack.enter_context(Engines(folder))
        environ = {
            "DATABASE_URL": engines.database_url,
            "REDIS_URL": engines.redis_url,
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": os.environ.setdefault("SECRET_KEY", "benchmarks"),  # with it `access_token` signs here
            "SENDS_PER_MINUTE": "100000",
            "SOCKETS_PER_ADDRESS": "10000",
            "LLM_MODEL": "scripted",
            "DJANGO_SETTINGS_MODULE": "chatserver.settings",
            **settings,
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=os.environ | environ, check=True
        )
        store = await Store.open(engines.database_url)
        stack.push_async_callback(store.close)
        site = await Site(store.pool).create()
        document = folder / "rooms.md"
        document.write_text("# Rooms\n\nA room is a place where people and the assistant talk. A room has members.\n")
        subprocess.run(
            [sys.executable, "manage.py", "ingest", str(document), "--site", site.key],
            cwd=ROOT,
            env=os.environ | environ,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        upstream = await stack.enter_async_context(scripted(model))
        servers = [
            await stack.enter_async_context(Server({**environ, "LLM_BASE_URL": upstream})) for _ in range(processes)
        ]
        yield World(store, site, servers, upstream, environ)


@asynccontextmanager
async def scripted(arguments: Sequence[str]) -> AsyncIterator[str]:
    """The scripted model's base URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatserver.providers.scripted", "--port", "0", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode().strip()
        yield f"http://{line.removeprefix('listening on ')}/v1"
    finally:
        process.terminate()
        await process.wait()


def cpu_seconds(server: Server) -> float:
    """User and system time of a server's processes so far (proc(5): fields 5, 14 and 15)."""
    return group_cpu_seconds(server.pid)


def group_cpu_seconds(pid: int) -> float:
    """The same of the process group `pid`."""
    return _ticks(lambda fields: int(fields[2]) == pid)


def children_cpu_seconds(parent: int) -> float:
    """The same of all processes that `parent` started, it included, and of those that have ended (16 and 17)."""

    def of_those(fields: list[str]) -> bool:
        return int(fields[1]) == parent

    own = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()
    return _ticks(of_those) + sum(map(int, own[11:15])) / os.sysconf("SC_CLK_TCK")


def _ticks(wanted: Callable[[list[str]], bool]) -> float:
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if wanted(fields):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_bytes(server: Server) -> int:
    """Memory of a server's processes (field 24), what they share counted once for each."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == server.pid:
            pages += int(fields[21])
    return pages * os.sysconf("SC_PAGE_SIZE")


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
