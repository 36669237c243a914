"""Backup, destruction and restoring, with the commands that an operator runs and engines of their own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from chatserver.config import config
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Collection, Document
from chatserver.rooms.store import Store
from chatserver.serving import backup, postgres_tools
from chatserver.serving import restore as restoring
from chatserver.serving.archive import BackupError, Manifest, Part, opened, writing
from chatserver.serving.embedded import Engines
from chatserver.serving.postgres_tools import Tools, find_tools
from chatserver.sites import models
from tests.api import add_rooms
from tests.chat import Chat
from tests.client_model import ClientModel
from tests.conftest import fresh_database
from tests.credentials import access_token
from tests.records import Site, draft
from tests.server import Server
from tests.serving import Serve, environment, manage
from tests.socket.conftest import orm_on

PENGUINS = b"# Penguins\n\nPenguins cannot fly, but they swim faster than most fish.\n"
NOT_COMPARED = ("rooms_epoch", "django_session")


def tables(database_url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
        ).fetchall()
        return {
            name: sorted(row for (row,) in connection.execute(f'SELECT t::text FROM "{name}" t'))
            for (name,) in names
            if name not in NOT_COMPARED
        }


def epoch(database_url: str) -> str:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT name FROM rooms_epoch").fetchone()
        assert row is not None
        return str(row[0])


def files(folder: Path) -> dict[str, bytes]:
    uploads = folder / "uploads"
    return {path.name: path.read_bytes() for path in uploads.iterdir()} if uploads.exists() else {}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory that PostgreSQL's own user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="chatserver-restore-") as name:
        os.chmod(name, 0o711)
        yield Path(name) / "data"


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    data = str(tmp_path / "data")
    return environment(DATABASE_URL=database_url, REDIS_URL=redis_url, DATA_DIR=data, SECRET_KEY="tests")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


@contextmanager
def serving(database_url: str, data: Path, blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is one that has these settings."""
    settings = msgspec.structs.replace(config(), database_url=database_url, data_dir=str(data))
    with monkeypatch.context() as patch, orm_on(database_url, blocker):
        for module in (backup, restoring):
            patch.setattr(module, "config", lambda: settings)
        yield


async def test_everything_is_back_after_destruction(
    environ: dict[str, str], store: Store, folder: Path, tmp_path: Path
) -> None:
    site = await Site(store.pool).create()
    ann, bob = await site.user("Ann", superuser=True), await site.user("Bob")
    room = await site.room(store, ann, bob)
    path = tmp_path / "chat.backup"
    known = ClientModel()
    headers = {"Authorization": f"Bearer {access_token(ann.id)}"}
    uploads = Path(environ["DATA_DIR"]) / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "a1").write_bytes(b"the upload")
    await add_rooms(store.pool, LanceIndex(str(uploads.parent / "index")), site)
    await store.pool.execute("UPDATE knowledge_document SET file = 'uploads/a1'")
    async with Server(environ) as server, Chat(server.ws, access_token(ann.id), model=known) as chat:
        await chat.hello(room)
        for number in range(60):
            text = f"Message {number} 你好 🙂\n\\. \t'{number}'"
            await store.append(draft(room, bob, str(number), text, ask=False))
        asked = await chat.ask(room, "What is a room?")
        final = await chat.until_status(room, asked["answer"], "complete")
        assert "[1]" in final["text"]
        # The server goes on working.
        run = manage("backup", path, environ=environ)
        assert (run.returncode, run.stderr) == (0, ""), run.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert [name for name in os.listdir(tmp_path) if "chat.backup" in name] == ["chat.backup"]
    before = tables(environ["DATABASE_URL"])
    shutil.rmtree(environ["DATA_DIR"])

    # Nothing is left of the old engines but the file.
    new = environment(DATA_DIR=str(folder), SECRET_KEY="tests")
    run = manage("restore", path, environ=new)
    assert run.returncode == 0, run.stderr
    assert "62 messages" in run.stdout
    assert files(folder) == {"a1": b"the upload"}

    async with Serve(new, "--port", "0", "--processes", "1", "--no-demo") as serve:
        there = json.loads((folder / "engines.json").read_text())["database_url"]
        assert tables(there) == before
        assert epoch(there) != epoch(environ["DATABASE_URL"])
        address = serve.address.replace("http", "ws") + "/ws"
        # What an old client remembers: a position that the database will reach again, and a message that it never had.
        position, old_epoch = known.rooms[room].rev, known.epoch
        known.rooms[room].messages["ghost"] = {"id": "ghost", "rev": 1, "status": "complete", "attempt": 0}
        async with Chat(address, access_token(ann.id), model=known) as chat:
            welcome = await chat.hello(room)
            assert welcome["epoch"] != old_epoch
            (changes,) = [frame for frame in chat.frames if frame["type"] == "room.changes"]
            assert (changes["reset"], changes["rev"]) == (True, position)
            assert len(known.rooms[room].messages) == 50
            assert known.rooms[room].messages[asked["answer"]]["text"] == final["text"]
            asked = await chat.ask(room, "Where do people and the assistant talk?")
            answer = await chat.until_status(room, asked["answer"], "complete")
            assert "A room is a place" in answer["text"]
        async with httpx.AsyncClient(base_url=serve.address, headers=headers, trust_env=False, timeout=20) as client:
            found = (await client.post("/api/v1/search", json={"query": "rooms", "k": 3})).json()["passages"]
            assert [passage["title"] for passage in found] == ["Rooms"]


@pytest.fixture
def made(
    database_url: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The backup of a site with a user and a document of two uploads, one of which is gone."""
    data = tmp_path / "source"
    (data / "uploads").mkdir(parents=True)
    (data / "uploads/a1").write_bytes(PENGUINS)
    with serving(database_url, data, django_db_blocker, monkeypatch):
        site = models.Site.objects.create(key="test", name="Test")
        models.User.objects.create(username="ann", name="Ann " * 30)
        collection = Collection.objects.create(site=site, name="Documents")
        for name in ("uploads/a1", "uploads/b2", "/elsewhere/c3"):
            Document.objects.create(collection=collection, title=name, file=name, content_hash=name.encode())
        manifest = backup.back_up(tmp_path / "made")
    assert [part.name for part in manifest.parts] == ["database.dump", "uploads/a1"]
    assert (manifest.missing, manifest.counts["knowledge_document"]) == (1, 3)
    return tmp_path / "made"


@pytest.fixture
def target(engines: Engines, template_database: str) -> Iterator[str]:
    with fresh_database(engines, template_database) as url:
        yield url


def test_a_damaged_backup_is_refused_before_anything_changes(
    made: Path, target: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, before, data = made.read_bytes(), tables(target), tmp_path / "new"
    # Not in the padding, which is zero and means nothing.
    middle = whole.index(PENGUINS) + 5
    damaged = {
        "cut in the middle": whole[:middle],
        "cut before its end": whole[: whole.rindex(b"manifest-")],
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "one bit of the dump": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        "one digit of the manifest": whole.replace(b'"missing": 1', b'"missing": 0'),
        "a part is gone": whole.replace(b"uploads/a1", b"uploads/a2", 1),
        "something else": b"PK\3\4" + bytes(2000),
        "empty": b"",
    }
    path = tmp_path / "damaged"
    with serving(target, data, django_db_blocker, monkeypatch):
        for name, content in damaged.items():
            assert content != whole, name
            path.write_bytes(content)
            with pytest.raises(BackupError, match="damaged"):
                restoring.restore(path)
    assert tables(target) == before
    assert not data.exists()


def test_no_backup_leads_out_of_its_folder(tmp_path: Path) -> None:
    for name in ("uploads/../secret_key", "uploads/.hidden", "/etc/passwd", "uploads/a/b", "secret_key"):
        path = tmp_path / "made"
        with writing(path) as archive:
            archive.add("database.dump", [b"x"])
            archive.add(name, [b"x"])
            archive.finish(manifest(parts=archive.parts.copy()))
        with pytest.raises(BackupError, match="damaged"), opened(path):
            raise AssertionError(name)


def manifest(parts: list[Part], **more: Any) -> Manifest:
    values = {"version": "9.0", "created": "", "epoch": "", "postgres": 18, "tool": 18, "migrations": [], "counts": {}}
    return Manifest(**{**values, **more}, parts=parts)


def test_a_backup_of_a_later_version_says_what_to_do(
    target: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = {
        "newer version of the server": {"migrations": ["rooms.0001_initial", "rooms.9999_later"]},
        "PostgreSQL 99": {"postgres": 99},
        "format 2": {"format": 2},
        "client-99": {"tool": 99},
    }
    with serving(target, tmp_path / "new", django_db_blocker, monkeypatch):
        for said, values in later.items():
            with writing(tmp_path / "later") as archive:
                archive.add("database.dump", [b"x"])
                archive.finish(manifest(parts=archive.parts.copy(), **values))
            with pytest.raises(BackupError, match=said):
                restoring.restore(tmp_path / "later")


def test_what_is_there_stays_unless_it_is_told_to_go(
    made: Path,
    database_url: str,
    target: str,
    tmp_path: Path,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tmp_path / "new"
    (data / "uploads").mkdir(parents=True)
    (data / "uploads/old").write_bytes(b"old")
    with serving(target, data, django_db_blocker, monkeypatch):
        models.Site.objects.create(key="other", name="Other")
        with psycopg.connect(target, autocommit=True, application_name="chatserver") as server:
            server.execute("CREATE TABLE rooms_of_another_version (id int)")
            server.execute("CREATE TABLE elsewhere (id int)")
            before = tables(target)
            with pytest.raises(BackupError, match=r"1 other connections .*\(chatserver\): stop the server"):
                restoring.restore(made, force=True)
        with pytest.raises(BackupError, match="not empty"):
            restoring.restore(made)

        # The database refuses when everything else is done: all is as it was.
        with psycopg.connect(target, autocommit=True) as other:
            other.execute("CREATE FUNCTION chat_other() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            other.execute("CREATE VIEW elsewhere_too AS SELECT chat_other()")
        with pytest.raises(BackupError, match=r"refused it: .*chat_other"):
            restoring.restore(made, force=True)
        # So it is where the dump ends too soon for pg_restore.
        with monkeypatch.context() as patch, psycopg.connect(target, autocommit=True) as other:
            other.execute("DROP VIEW elsewhere_too")
            patch.setattr(
                restoring, "_records", lambda backup, progress: [next(backup.chunks("database.dump"))[:-1000]]
            )
            other.close()
            with pytest.raises(BackupError, match="pg_restore failed"):
                restoring.restore(made, force=True)
        assert tables(target) == before
        assert files(data) == {"old": b"old"}

        restoring.restore(made, force=True)
        restored = tables(target)
        assert restored.pop("elsewhere") == []
        assert restored == tables(database_url)
        assert files(data) == {"a1": PENGUINS}
        assert epoch(target) != epoch(database_url)


def test_a_backup_that_fails_leaves_the_last_one(
    made: Path, database_url: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made.read_bytes()

    def cut(self: Tools, snapshot: str) -> Iterator[bytes]:
        yield from Tools(self._folder, self.major, {"NAME": "nowhere", "OPTIONS": {}, "HOST": "/nowhere"}).dump(
            snapshot
        )

    with serving(database_url, tmp_path / "source", django_db_blocker, monkeypatch):
        monkeypatch.setattr(backup, "find_tools", lambda *_: SimpleNamespace(major=18, dump=partial(cut, found(18))))
        with pytest.raises(BackupError, match=r"pg_dump failed: .*nowhere"):
            backup.back_up(made)
    assert made.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if "made" in path.name] == ["made"]


def found(major: int) -> Tools:
    return find_tools(major, {"NAME": "x", "PASSWORD": "s3cret", "HOST": "db", "USER": "chat", "OPTIONS": {}})


def test_programs_are_chosen_by_the_servers_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    embedded = list(postgres_tools.postgres_folders())
    versions = sorted(postgres_tools._major(folder) for folder in embedded)
    monkeypatch.setattr(postgres_tools, "_folders", lambda: [tmp_path, *embedded])
    for wanted in (versions[0] - 1, *versions):
        assert found(wanted).major == min(version for version in versions if version >= wanted)
    with pytest.raises(BackupError, match=f"there are those of {versions[0]}.*postgresql-client-{versions[-1] + 1}"):
        found(versions[-1] + 1)
    tools = found(versions[-1])
    assert "s3cret" not in " ".join(map(str, tools._where))
    assert tools._environ["PGPASSWORD"] == "s3cret"
