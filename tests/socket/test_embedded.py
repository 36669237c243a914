"""The private engines: who starts them, who uses them, and that nothing of them is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from chatserver.errors import EngineMissing
from chatserver.serving.embedded import Engines, engines_alive, redis_binary
from tests.conftest import ROOT

DEADLINE = 30.0

OWNER = """
import sys
from pathlib import Path
from chatserver.serving.embedded import Engines
with Engines(Path(sys.argv[1])) as engines:
    print(engines.database_url, engines.redis_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="chatserver-engines-") as name:
        os.chmod(name, 0o711)
        yield Path(name) / "data"


@pytest.fixture(autouse=True)
def owned() -> Iterator[None]:
    """`Engines.owned` is this process's; the session's own engines come back to it."""
    before = Engines.owned
    yield
    Engines.owned = before


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


def ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        return bool(client.ping())


def answers(url: str) -> bool:
    try:
        return ping(url) if url.startswith("unix:") else query(url, "SELECT 1") == 1
    except (psycopg.OperationalError, redis.ConnectionError):
        return False


def processes(data: Path) -> list[int]:
    """Those that have the data directory in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(data) in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_engines_start_on_an_empty_folder_and_leave_their_data_alone(data: Path) -> None:
    with Engines(data) as engines:
        assert engines.alive
        assert engines_alive()
        assert ping(engines.redis_url)
        query(engines.database_url, "CREATE TABLE kept AS SELECT 7 AS n")
        # Nothing listens on a port, and nobody else may connect.
        assert query(engines.database_url, "SHOW listen_addresses") == ""
        assert str(query(engines.database_url, "SHOW server_encoding")) == "UTF8"
        assert (data / "postgres").stat().st_mode & 0o077 == 0
        first = engines.database_url
    assert not answers(first)
    assert not answers(engines.redis_url)
    assert processes(data) == []
    assert not (data / "engines.json").exists()

    with Engines(data) as again:
        assert query(again.database_url, "SELECT n FROM kept") == 7
    assert processes(data) == []


def test_a_second_process_uses_those_of_the_first(data: Path) -> None:
    with Engines(data) as owner:
        before = processes(data)
        with Engines(data) as guest:
            assert (guest.database_url, guest.redis_url) == (owner.database_url, owner.redis_url)
            assert set(before) <= set(processes(data))
        assert answers(owner.database_url)  # the guest's end ends nothing
        assert answers(owner.redis_url)
        notes = data / "engines.json"
        assert notes.stat().st_mode & 0o077 == 0
        assert set(json.loads(notes.read_text())) == {"database_url", "redis_url"}


def test_an_owner_that_has_crashed_is_not_asked(data: Path) -> None:
    data.mkdir()
    stale = {"database_url": "postgresql://crashed/chat", "redis_url": "redis://crashed"}
    (data / "engines.json").write_text(json.dumps(stale))
    with Engines(data, "postgresql://db/chat") as owner, Engines(data, "postgresql://db/chat") as guest:
        assert guest.redis_url == owner.redis_url != "redis://crashed"


def test_what_is_named_is_not_started(data: Path) -> None:
    with Engines(data, "postgresql://db/chat", "redis://cache") as engines:
        assert (engines.database_url, engines.redis_url) == ("postgresql://db/chat", "redis://cache")
        assert engines.alive
    assert not data.exists()

    with Engines(data, "postgresql://db/chat") as engines:
        assert engines.database_url == "postgresql://db/chat"
        assert ping(engines.redis_url)
        assert not (data / "postgres").exists()


def test_a_start_cut_short_is_made_good(data: Path) -> None:
    half = data / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    stale = data / "run/redis"
    stale.mkdir(parents=True)
    (stale / "redis.sock").touch()
    (data / "engines.json").write_text("{")
    with Engines(data) as engines:
        assert answers(engines.database_url)
        assert answers(engines.redis_url)
        assert not half.exists()


def test_a_lock_file_whose_process_is_another_now_is_cleared(data: Path) -> None:
    with Engines(data):
        pass
    (data.resolve() / "postgres/postmaster.pid").write_text(f"{os.getpid()}\n{data}/postgres\n")
    with Engines(data) as engines:
        assert answers(engines.database_url)


def test_a_long_path_moves_the_sockets_not_the_data(data: Path) -> None:
    deep = data / ("long-" * 15)
    with Engines(deep) as engines:
        assert str(deep) not in engines.database_url + engines.redis_url
        assert answers(engines.database_url)
        assert answers(engines.redis_url)
        assert (deep / "postgres/PG_VERSION").exists()


async def test_the_owners_sudden_death_takes_the_engines_along(data: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    database_url, _ = (await asyncio.to_thread(owner.stdout.readline)).split()
    query(database_url, "CREATE TABLE kept AS SELECT 7 AS n")
    owner.kill()
    assert await asyncio.to_thread(owner.wait) == -signal.SIGKILL
    assert (data / "engines.json").exists()
    # The next one waits for the postmaster's end by itself.
    with Engines(data) as engines:
        assert query(engines.database_url, "SELECT n FROM kept") == 7
        assert ping(engines.redis_url)
    owner.stdin.close()
    owner.stdout.close()
    async with asyncio.timeout(DEADLINE):
        while processes(data):
            await asyncio.sleep(0.05)


def test_the_death_of_an_engine_is_noticed(data: Path) -> None:
    with Engines(data, "postgresql://db/chat") as engines:
        (pid,) = processes(data)
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE
        while engines.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not engines.alive
        assert not engines_alive()


def test_a_folder_that_cannot_be_is_an_engine_that_is_missing() -> None:
    with pytest.raises(EngineMissing, match="DATA_DIR /dev/null/data cannot hold the engines"):
        Engines(Path("/dev/null/data")).__enter__()


def test_without_redis_it_is_said_what_to_do(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(EngineMissing, match=r"apt-get install redis-server.*REDIS_URL"):
        redis_binary(data)
    with pytest.raises(EngineMissing):
        Engines(data).__enter__()
    monkeypatch.undo()
    with Engines(data, "postgresql://db/chat") as engines:  # the failed start holds nothing
        assert ping(engines.redis_url)


def test_a_redis_that_does_not_start_is_said_with_its_log(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.serving.embedded.redis_binary", lambda folder: "/bin/false")
    with pytest.raises(EngineMissing, match=r"Redis did not start; .*/redis\.log says why\."):
        Engines(data).__enter__()
    assert processes(data) == []
