"""Two serving processes on one PostgreSQL and one Redis, and a scripted model behind them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatserver.knowledge.index import LanceIndex
from chatserver.protocol.frames import User
from chatserver.rooms.store import Store
from tests.chat import Chat
from tests.credentials import access_token
from tests.knowledge import add_text
from tests.own_redis import OwnRedis, own_redis
from tests.records import Site
from tests.server import Server


@dataclass
class Cluster:
    """What the servers of a test share."""

    environ: Mapping[str, str]
    store: Store
    site: Site
    ann: User
    bob: User

    def server(self, server: str = "", *, workers: int = 1, alone: Sequence[str] = (), **environ: str) -> Server:
        return Server({**self.environ, **environ}, server=server, workers=workers, alone=alone)

    def chat(self, server: Server, user: User, **options: object) -> Chat:
        return Chat(server.ws, access_token(user.id), **options)  # type: ignore[arg-type]


@pytest.fixture
async def cluster(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "INDEX_URL": str(tmp_path / "index"),
        "SENDS_PER_MINUTE": "1000",
    }
    store = await Store.open(database_url)
    site = await Site(store.pool).create()
    index = LanceIndex(environ["INDEX_URL"])
    await add_text(
        store.pool, index, site, "Rooms", "A room is a place where people and the assistant talk. A room has members."
    )
    yield Cluster(environ, store, site, await site.user("Ann"), await site.user("Bob"))
    await store.close()


@pytest.fixture
def redis_of_our_own() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(prefix="chatserver-redis-") as folder, own_redis(Path(folder)) as server:
        yield server
