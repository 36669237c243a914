"""Commands of `manage.py`, in processes of their own: what they print, how they end, what they leave behind."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chatserver.config import BASE_DIR
from chatserver.knowledge.index import LanceIndex
from chatserver.rooms.store import Store
from chatserver.serving.embedded import Engines
from chatserver.sites import models
from tests.records import Site
from tests.serving import environment, manage
from tests.small_http import Reply, Request, http_server

OWN = sorted(path.stem for path in (BASE_DIR / "chatserver/management/commands").glob("[a-z]*.py"))


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(DATABASE_URL=database_url, REDIS_URL=redis_url, DATA_DIR=str(tmp_path / "data"), SECRET_KEY="k")


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await Store.open(database_url)
    yield store
    await store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good files, three that fail, and what is passed over: another kind, hidden, hidden below."""
    folder = tmp_path / "documents"
    (folder / "below/.git").mkdir(parents=True)
    (folder / "rooms.md").write_text("# Rooms\n\nA room is a place where people talk.\n")
    (folder / "below/page.html").write_text(
        "<html><body><h1>Penguins</h1><p>Penguins cannot fly at all.</p></body></html>"
    )
    (folder / "中文.txt").write_text("机器人每天早上九点开始工作。")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    (folder / "broken.docx").write_bytes(b"PK\3\4 and no more")
    (folder / "empty.txt").write_text(" \n")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / ".hidden.md").write_text("# Hidden")
    (folder / "below/.git/config.md").write_text("# Hidden too")
    return folder


def summary(run: subprocess.CompletedProcess[str]) -> tuple[int, int, int]:
    """(ready, unchanged, failed), from the last line."""
    found = re.fullmatch(
        r"(\d+) ready, (\d+) unchanged, (\d+) failed in collection '\w+' of site 'test'\.", run.stdout.splitlines()[-1]
    )
    assert found, run.stdout + run.stderr
    return int(found[1]), int(found[2]), int(found[3])


async def found(environ: dict[str, str], question: str) -> list[str]:
    """Titles of what a search finds, of all collections."""
    store = await Store.open(environ["DATABASE_URL"])
    collections = [str(row["id"]) for row in await store.pool.fetch("SELECT id FROM knowledge_collection")]
    await store.close()
    index = LanceIndex(str(Path(environ["DATA_DIR"]) / "index"))
    return [passage.title for passage in await index.lexical(question, collections, 5)]


async def test_a_folder_is_ingested_again_and_again(store: Store, environ: dict[str, str], folder: Path) -> None:
    await Site(store.pool).create()
    # What is named twice counts once; one that works makes it a success.
    first = manage("ingest", folder, folder / "rooms.md", folder / "nowhere.md", environ=environ)
    assert (summary(first), first.returncode, first.stderr) == ((3, 0, 4), 0, "")
    failed = sorted(line for line in first.stdout.splitlines() if line.startswith("✗ "))
    assert [line.split(": ", 1)[0] for line in failed] == [
        f"✗ {folder / name}" for name in ("broken.docx", "broken.pdf", "empty.txt", "nowhere.md")
    ]
    assert all(re.search(r": .{10,}\.$", line) for line in failed)
    assert "hidden" not in first.stdout.lower()
    assert "photo" not in first.stdout
    assert await found(environ, "penguins fly") == ["Penguins"]
    assert await found(environ, "机器人几点工作？") == ["中文"]

    (folder / "rooms.md").write_text("# Rooms\n\nA channel is what others call it.\n")
    second = manage("ingest", folder, environ=environ)
    assert (summary(second), second.returncode) == ((1, 2, 3), 0)
    assert await found(environ, "people talk") == []
    assert await found(environ, "channel") == ["Rooms"]

    shutil.rmtree(Path(environ["DATA_DIR"]) / "index")
    assert await found(environ, "channel") == []
    rebuilt = manage("reindex", environ=environ)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.splitlines()[-1].startswith("3 documents indexed, ")
    assert await found(environ, "channel") == ["Rooms"]
    assert await found(environ, "机器人几点工作？") == ["中文"]


async def test_what_cannot_be_ingested_is_told(store: Store, environ: dict[str, str], folder: Path) -> None:
    await Site(store.pool).create()
    missing, photo, broken = folder / "nowhere.md", folder / "photo.jpg", folder / "broken.pdf"
    run = manage("ingest", missing, photo, broken, environ=environ)
    assert (summary(run), run.returncode, run.stderr) == ((0, 0, 3), 1, "")
    assert f"✗ {missing}: there is no such file or folder." in run.stdout
    assert f"✗ {photo}: " in run.stdout
    assert f"✗ {broken}: " in run.stdout


def test_the_site_must_be_clear(orm: None, folder: Path) -> None:
    def ingest(**options: str) -> None:
        call_command("ingest", str(folder), **options)

    with pytest.raises(CommandError, match="There is no site yet"):
        ingest()
    for key in ("one", "two"):
        models.Site.objects.create(key=key, name=key)
    with pytest.raises(CommandError, match=r"several sites; name one with --site: one, two\."):
        ingest()
    with pytest.raises(CommandError, match=r"no site 'three'; there are: one, two\."):
        ingest(site="three")


def test_a_command_that_gives_up_says_so_in_one_line(environ: dict[str, str], folder: Path) -> None:
    run = manage("ingest", folder, environ=environ)
    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(r"CommandError: There is no site yet: .*\n", run.stderr)


def test_a_database_without_tables_is_said_in_one_line(environ: dict[str, str], engines: Engines) -> None:
    run = manage("reindex", environ=environ | {"DATABASE_URL": engines.database_url})
    assert (run.returncode, run.stdout) == (3, "")
    assert re.fullmatch(r"The database has no tables yet: .*\n", run.stderr)


async def test_an_embedding_endpoint_that_fails_is_said_in_one_line(
    store: Store, environ: dict[str, str], folder: Path
) -> None:
    await Site(store.pool).create()
    replies = [Reply({"error": "bad key"}, 401)]

    def answer(request: Request) -> Reply:
        if replies:
            return replies[0]
        return Reply({"data": [{"embedding": [1.0, len(text)]} for text in request.body["input"]]})

    async with http_server(answer) as http:
        environ |= {"EMBED_BASE_URL": http.url, "EMBED_MODEL": "m", "EMBED_API_KEY": "sk-very-secret"}
        run = await run_beside("ingest", folder / "rooms.md", environ=environ)
        assert run.returncode == 1
        *_, line = run.stderr.splitlines()
        assert "credentials" in line
        assert "run the same command again" in line
        assert "Traceback" not in run.stderr
        assert "sk-very-secret" not in run.stderr + run.stdout
        assert await found(environ, "people talk") == ["Rooms"]  # by its words, meanwhile

        replies.clear()
        again = await run_beside("ingest", folder / "rooms.md", environ=environ)
        assert (summary(again), again.returncode) == ((1, 0, 0), 0)


async def run_beside(*arguments: str | Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`manage` while this loop goes on serving."""
    return await asyncio.to_thread(manage, *arguments, environ=environ)


def test_help_needs_no_engines(tmp_path: Path) -> None:
    data = tmp_path / "data"
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'chatserver.settings'\n"
        "from django.core.management import execute_from_command_line as manage\n"
        "for name in sys.argv[1:]:\n"
        "    try: manage(['manage.py', name, '--help'])\n"
        "    except SystemExit as end: assert not end.code, name\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *OWN],
        cwd=BASE_DIR,
        env=environment(DATA_DIR=str(data), SECRET_KEY="k"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    for name in OWN:
        assert f"usage: manage.py {name} " in run.stdout
    assert not data.exists()
