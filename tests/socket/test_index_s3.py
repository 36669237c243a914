"""The index on object storage: a real server of the S3 protocol, and commands and readers in processes of their own."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as Options
from botocore.exceptions import ClientError

from chatserver.config import load
from chatserver.knowledge import records
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.models import Document
from chatserver.sites.models import Site
from tests.server import ROOT
from tests.serving import environment, manage
from tests.socket.test_index import SHOP, Letters, found, passage

BUCKET = "knowledge"
KEYS = {"INDEX_ACCESS_KEY": "key", "INDEX_SECRET_KEY": "secret", "INDEX_REGION": "eu-west-1"}
SECONDS = 30.0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if address := re.search(r"Running on (http://\S+)", line):
                break
        else:
            raise AssertionError("the S3 server did not start")
        # It tells of each request; somebody has to read that.
        with subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL):
            client(address[1]).create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": KEYS["INDEX_REGION"]}
            )
            yield address[1]
            process.kill()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name=KEYS["INDEX_REGION"],
        config=Options(retries={"max_attempts": 1}),
    )


def settings(endpoint: str, path: str, **more: str) -> dict[str, str]:
    return {"INDEX_URL": f"s3://{BUCKET}/{path}", "INDEX_ENDPOINT": endpoint, **KEYS, **more}


def index(endpoint: str, path: str, database_url: str) -> LanceIndex:
    return LanceIndex.from_settings(load(settings(endpoint, path, DATABASE_URL=database_url)), Letters())


def test_the_storage_refuses_a_second_file_of_one_name(endpoint: str) -> None:
    """What makes commits of several writers safe: of two who write version n, one is told to try again."""
    storage = client(endpoint)
    storage.put_object(Bucket=BUCKET, Key="version", Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        storage.put_object(Bucket=BUCKET, Key="version", Body=b"two", IfNoneMatch="*")


async def test_writers_at_once_lose_nothing_and_readers_see_what_is_there(endpoint: str, database_url: str) -> None:
    def opened() -> LanceIndex:
        return index(endpoint, "writers", database_url)

    async def write(one: LanceIndex, name: str) -> None:
        for n in range(4):
            await one.add([passage(f"{name}{n}")])

    await asyncio.gather(*(write(opened(), name) for name in ("left", "right", "middle")))
    reader = opened()
    assert await reader.count() == 12
    old, new = passage("aaa old"), passage("bbb new")
    await opened().replace([old.document], [old])
    await opened().put_vectors(old.document, SHOP, [(old.chunk, [1.0, 0.0, 0.0])])
    await until(lambda: _found(reader, "old", ["aaa old"]))
    assert [each.text for each in await reader.dense([1.0, 0.0, 0.0], [SHOP], 5)] == ["aaa old"]
    await opened().replace([old.document, new.document], [new])
    await opened().optimize()
    await until(lambda: _found(reader, "new", ["bbb new"]))
    assert await found(reader, "old") == []
    assert await reader.dense([1.0, 0.0, 0.0], [SHOP], 5) == []
    began = time.monotonic()
    await opened().remove([new.document])
    await until(lambda: _found(reader, "new", []))
    assert time.monotonic() - began < SECONDS


async def _found(reader: LanceIndex, query: str, texts: list[str]) -> bool:
    return await found(reader, query) == texts


async def until(condition: object) -> None:
    """Readers of object storage look for a newer version twice a second."""
    async with asyncio.timeout(SECONDS):
        while not await condition():  # type: ignore[operator]
            await asyncio.sleep(0.05)


def test_the_commands_work_on_it(orm: None, endpoint: str, database_url: str, redis_url: str, tmp_path: Path) -> None:
    collection = records.the_collection(Site.objects.create(key="shop", name="Shop"))
    environ = environment(
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        DATA_DIR=str(tmp_path),
        SECRET_KEY="tests",
        **settings(endpoint, "commands"),
    )
    for name, text in (("tea.md", "Tea is served at four."), ("bus.md", "The bus leaves at nine.")):
        (tmp_path / name).write_text(text)
    both = [
        subprocess.Popen(
            [sys.executable, "manage.py", "ingest", str(tmp_path / name)],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.DEVNULL,
        )
        for name in ("tea.md", "bus.md")
    ]
    assert [each.wait() for each in both] == [0, 0]
    assert said(endpoint, database_url, collection.pk) == ["Tea is served at four.", "The bus leaves at nine."]
    assert manage("check_index", environ=environ).returncode == 0
    Document.objects.filter(origin__endswith="bus.md").delete()
    checked = manage("check_index", "--repair", environ=environ)
    assert checked.returncode == 1
    assert "without a record" in checked.stdout
    rebuilt = manage("reindex", environ=environ)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert said(endpoint, database_url, collection.pk) == ["Tea is served at four."]
    checked = manage("check_index", environ=environ)
    assert checked.returncode == 0, checked.stdout
    assert KEYS["INDEX_SECRET_KEY"] not in checked.stdout + checked.stderr


def said(endpoint: str, database_url: str, collection: object) -> list[str]:
    passages = asyncio.run(index(endpoint, "commands", database_url).lexical("tea bus", [str(collection)], 10))
    return sorted(each.text for each in passages)
