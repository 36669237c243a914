"""The background worker killed at any moment: in the end each document is found, once, and nothing is left over.

`INGEST_KILLS` raises the number of kills.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import django
import pytest
from django.db.models import Max
from pytest_django import DjangoDbBlocker

from chatserver.config import load
from tests.documents import docx
from tests.server import ROOT
from tests.serving import manage
from tests.small_http import HTTP, Reply, Request, http_server

django.setup()

from chatserver.knowledge import records  # noqa: E402
from chatserver.knowledge.index import LanceIndex  # noqa: E402
from chatserver.knowledge.ingest import Ingester  # noqa: E402
from chatserver.knowledge.models import Chunk, Collection, Document  # noqa: E402
from chatserver.providers.detect import choose_embedder  # noqa: E402
from chatserver.sites.models import Site  # noqa: E402
from tests.socket.conftest import orm_on  # noqa: E402

KILLS = int(os.environ.get("INGEST_KILLS", "50"))
DOCUMENTS = 12
DEADLINE = 90.0
START_SECONDS = 1.0
"""What a start is taken to last at most, so that many of them fit into a test."""
EMBED_SECONDS = 0.1
"""Long enough for a kill to fall into it."""


@contextmanager
def embedder() -> Iterator[HTTP]:
    """An endpoint that takes its time, on a loop of its own."""

    def answer(request: Request) -> Reply:
        vectors = [[float(text.count(letter) + 1) for letter in "abcdefgh"] for text in request.body["input"]]
        body = {"data": [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]}
        time.sleep(EMBED_SECONDS)
        return Reply(body)

    started = threading.Event()
    box: list[HTTP] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with http_server(answer) as http:
            box.append(http)
            started.set()
            await asyncio.Event().wait()

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(DEADLINE)
    try:
        yield box[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


class Workers:
    """Workers of `tests.warm_worker`, one at a time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._group = 0
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_worker"],
            cwd=ROOT,
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def start(self) -> None:
        assert self._parent.stdin is not None
        print(file=self._parent.stdin, flush=True)
        self._group = int(self._line())

    def end(self, how: signal.Signals) -> None:
        """Send it to the worker, its processes and what reads files for them, at one moment."""
        os.killpg(self._group, how)
        until(lambda: not _alive(self._group))

    def close(self) -> None:
        if self._group and _alive(self._group):
            self.end(signal.SIGKILL)
        self._parent.communicate()

    def _line(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline().strip()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition: object) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def give(collection: Collection, folder: Path, name: str, version: int) -> Document:
    """A new version of a document: of 3 to 80 passages, every fourth a file that a process of its own reads."""
    number = int(name)
    paragraphs = [
        f"Part {part} of thing{number}, edition{version}x{number}. "
        + f"It is about the letter {chr(97 + part % 26)}. " * 30
        for part in range(3 + number * 7 % 40)
    ]
    path = folder / f"{name}-{version}"
    if number % 4:
        data, media = (
            "\n\n".join(f"# Part {n}\n\n{text}" for n, text in enumerate(paragraphs)).encode(),
            "text/markdown",
        )
    else:
        data = docx(*paragraphs, title=f"Thing {number}")
        media = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    path.write_bytes(data)
    document, _ = records.register(
        collection,
        file=str(path),
        digest=hashlib.sha256(data).digest(),
        size=len(data),
        origin=name,
        media_type=media,
    )
    return document


def test_a_worker_that_is_killed_again_and_again_leaves_each_document_ready_once(
    database_url: str, redis_url: str, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    chance = random.Random(os.environ.get("INGEST_SEED", ""))
    with embedder() as endpoint, orm_on(database_url, django_db_blocker):
        environ = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DATA_DIR": str(tmp_path),
            "INDEX_URL": str(tmp_path / "index"),
            "EMBED_BASE_URL": f"{endpoint.url}/v1",
            "EMBED_MODEL": "slow",
        }
        settings = load(environ)
        collection = records.the_collection(Site.objects.create(key="shop", name="Shop"))
        versions = dict.fromkeys((str(n) for n in range(DOCUMENTS)), 1)
        for name in versions:
            give(collection, tmp_path, name, 1)
        workers = Workers(environ)
        try:
            began, before = time.monotonic(), _last_change()
            workers.start()
            until(lambda: _last_change() != before)
            start = min(time.monotonic() - began, START_SECONDS)
            for kill in range(KILLS):
                if kill:
                    workers.start()
                # While it starts, reads, writes, makes vectors: how long a start takes depends on the machine.
                time.sleep(chance.uniform(0.2, 2.0) * start)
                name = chance.choice([*versions])
                versions[name] += 1
                give(collection, tmp_path, name, versions[name])
                workers.end(signal.SIGKILL)
            workers.start()
            until(lambda: not records.unfinished().exists())
            workers.end(signal.SIGTERM)
        finally:
            workers.close()

        documents = list(Document.objects.all())
        assert {document.origin: document.status for document in documents} == dict.fromkeys(versions, "ready")
        assert len(documents) == DOCUMENTS
        chosen = choose_embedder(settings)
        index = LanceIndex(settings.index, chosen)
        with Ingester(index, chosen) as ingester:
            assert list(ingester.upkeep.check()) == []
        assert asyncio.run(_counted(settings.index, chosen)) == Chunk.objects.count()
        for name, version in versions.items():
            found = asyncio.run(LanceIndex(settings.index).lexical(f"edition{version}x{name}", [str(collection.pk)], 1))
            assert f"edition{version}x{name}." in found[0].text
        checked = manage("check_index", environ=environ)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _last_change() -> object:
    return Document.objects.aggregate(last=Max("updated"))["last"]


async def _counted(uri: str, chosen: object) -> int:
    index = LanceIndex(uri, chosen)  # type: ignore[arg-type]
    count = await index.count()
    assert sum((await index.documents(vectors=True)).values()) == count
    return count
