"""The machine with the data: PostgreSQL and Redis over TCP, each with a password, and a scripted model."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from chatserver.serving import embedded
from tests.conftest import migrate
from tests.machines import BACK, NETWORKS, Machines

START_SECONDS = 60.0
POSTGRES_PORT, REDIS_PORT, MODEL_PORT = 5432, 6379, 8001


@dataclass
class DataHost:
    environ: Mapping[str, str]
    """Settings of those that reach it over the network."""
    local_url: str
    """The database on a Unix socket, as nobody's cable is needed for it."""


@asynccontextmanager
async def data_host(machines: Machines, *, text: str, rate: float = 20) -> AsyncIterator[DataHost]:
    """Runs on machine `data`; `machines.stop` ends what runs."""
    address, network = NETWORKS[BACK]["data"], NETWORKS[BACK]["data"].rpartition(".")[0] + ".0/24"
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="chatserver-data-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        binaries = embedded._postgres_binaries()
        user = embedded._unprivileged()["user"]
        cluster = folder / "postgres"
        _make_cluster(binaries, cluster, user, network)
        await machines.start(
            *("data", binaries / "postgres", "-D", cluster, "-k", cluster, "-h", address, "-p", str(POSTGRES_PORT)),
            *("-c", "fsync=off"),
            log=folder / "postgres.log",
            user=user,
        )
        redis = folder / "redis.conf"
        redis.touch(mode=0o600)
        redis.write_text(
            f'bind {address}\nport {REDIS_PORT}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
        )
        await machines.start("data", embedded.redis_binary(folder), redis, log=folder / "redis.log")
        await machines.start(
            *("data", sys.executable, "-m", "chatserver.providers.scripted", "--host", address, "--text", text),
            *("--port", str(MODEL_PORT), "--rate", str(rate), "--first-token", "0.05"),
            log=folder / "model.log",
        )
        local = f"?host={quote(str(cluster))}&port={POSTGRES_PORT}"
        await _database(f"postgresql://postgres@/postgres{local}", password)
        local_url = f"postgresql://chat@/chat{local}"
        await asyncio.to_thread(migrate, local_url)
        environ = {
            "DATABASE_URL": f"postgresql://chat:{password}@{address}:{POSTGRES_PORT}/chat",
            "REDIS_URL": f"redis://:{password}@{address}:{REDIS_PORT}",
            "LLM_BASE_URL": f"http://{address}:{MODEL_PORT}/v1",
            "LLM_MODEL": "scripted",
        }
        yield DataHost(environ, local_url)


def _make_cluster(binaries: Path, cluster: Path, user: str, network: str) -> None:
    cluster.mkdir(mode=0o700)
    shutil.chown(cluster, user, user)
    subprocess.run(
        [
            *(binaries / "initdb", "-D", cluster, "-U", "postgres", "--auth-local=trust", "--no-sync"),
            *("--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"),
        ],
        check=True,
        capture_output=True,
        cwd="/",
        user=user,
        group=user,
        extra_groups=[],
    )
    with (cluster / "pg_hba.conf").open("a") as file:
        file.write(f"host all chat {network} scram-sha-256\n")


async def _database(url: str, password: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
                break
            except psycopg.OperationalError:
                await asyncio.sleep(0.1)
    async with connection:
        await connection.execute(f"CREATE ROLE chat LOGIN PASSWORD '{password}'".encode())
        await connection.execute("CREATE DATABASE chat OWNER chat")
