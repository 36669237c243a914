"""Hostile files over HTTP to the real server and its worker: each ends as a `failed` document or a 4xx, in bounded
memory, and whoever comes next is served as before."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from reportlab.lib.pdfencrypt import StandardEncryption

from chatserver.serving.embedded import Engines
from tests.api import Api, background_worker, open_api, problem
from tests.conftest import fresh_database
from tests.documents import pdf, zipped
from tests.hostile import (
    GIB,
    MIB,
    bomb,
    endless_pdf,
    far_sheet,
    huge,
    laughing,
    looping_pdf,
    nested,
    overlapping,
    self_holding_pdf,
)
from tests.owner import DOCUMENTS, POLL_SECONDS, Owner, as_owner, kept
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

READER_BYTES = 512 * MIB
READER_SECONDS = 4
GROWTH_BYTES = 96 * MIB
"""What the worker and the server may come to need while they have to do with these files: buffers and caches."""
UPLOADED_BYTES = 200 * MIB
PATIENCE = 120.0
"""Readers are served last: on a busy machine they take their time."""


@dataclass
class Watch:
    """The most memory that each process below another one has ever held at once, as the kernel counts it."""

    root: int
    peaks: dict[int, int] = field(default_factory=dict)
    readers: dict[int, int] = field(default_factory=dict)
    start: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """What is held from now on is growth."""
        self.look()
        self.start = dict(self.peaks)

    def look(self) -> None:
        for pid in self._below(self.root):
            with contextlib.suppress(OSError, ValueError):  # it has just ended
                status = Path(f"/proc/{pid}/status").read_text()
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                held = int(status.partition("VmHWM:")[2].split()[0]) * 1024
                (self.readers if b"chatserver.knowledge.reader" in command else self.peaks)[pid] = held

    @staticmethod
    def _below(pid: int) -> list[int]:
        found, level = [pid], [pid]
        while level:
            level = [child for each in level for child in _children(each)]
            found += level
        return found

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(POLL_SECONDS)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


@dataclass
class Place:
    """A server and its worker, watched."""

    api: Api
    owner: Owner
    worker: Watch
    server: Watch

    async def until(self, id_: str, status: str) -> dict[str, Any]:
        """Wait until the worker is done with a document; returns it."""
        async with asyncio.timeout(PATIENCE):
            while (found := (await self.owner.get(f"{DOCUMENTS}/{id_}")).json())["status"] not in ("ready", "failed"):
                await asyncio.sleep(POLL_SECONDS)
        assert found["status"] == status, found
        return dict(found)

    async def is_well(self) -> None:
        """The server answers, and the next good document is found."""
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{self.api.server.http}/healthz")).status_code == 200
        word = f"quagga{uuid.uuid4().hex}"
        id_ = await self.owner.give(f"{word}.html", f"<p>The {word} grazes.".encode())
        await self.until(id_, "ready")
        assert [passage["document"] for passage in await self.owner.search(word)] == [id_]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    engines: Engines, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    limits = {
        "UPLOAD_BYTES": str(16 * MIB),
        "PARSE_SECONDS": str(READER_SECONDS),
        "PARSE_MEMORY_BYTES": str(READER_BYTES),
    }
    folder = tmp_path_factory.mktemp("hostile")
    with fresh_database(engines, template_database) as url:
        async with (
            open_api(url, f"{engines.redis_url}?db=14", folder, **limits) as api,
            background_worker(api.environ) as worker,
        ):
            site = await Site(api.store.pool, key="hostile").create()
            owner = as_owner(api, await api.member("Olga", "admin", site))
            place = Place(api, owner, Watch(worker.pid), Watch(api.server.pid))
            await place.is_well()  # so that everything is loaded that will be
            place.worker.begin()
            place.server.begin()
            watching = [asyncio.create_task(watch.run()) for watch in (place.worker, place.server)]
            try:
                yield place
            finally:
                for task in watching:
                    task.cancel()
                await asyncio.gather(*watching, return_exceptions=True)


EPUB = {"mimetype": "application/epub+zip"}
FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zip bomb": ("a.zip", bomb, "The archive unpacks to more than"),
    "zip bomb in zip files": ("a.zip", nested, "1 an archive in the archive"),
    "10 GB docx": ("a.docx", lambda: huge("word/document.xml"), "unpacks to more than"),
    "10 GB docx that claims 100 bytes": ("a.docx", lambda: huge("word/document.xml", claimed=100), "unpacks to more"),
    "1 GB docx that claims 50 MB": (
        "a.docx",
        lambda: huge("word/document.xml", GIB, claimed=50 * MIB),
        "unpacks to more than",
    ),
    "1 GB xlsx": ("a.xlsx", lambda: huge("xl/workbook.xml", GIB), "unpacks to more than"),
    "1 GB pptx": ("a.pptx", lambda: huge("ppt/presentation.xml", GIB), "unpacks to more than"),
    "1 GB epub": ("a.epub", lambda: huge("a.xhtml", GIB, more=EPUB), "unpacks to more than"),
    "a billion laughs": ("a.docx", lambda: laughing("word/document.xml"), "damaged"),
    "a sheet of 17 billion cells": ("a.xlsx", far_sheet, "too complex"),
    "pdf whose pages loop": ("a.pdf", looping_pdf, "damaged"),
    "pdf that holds itself": ("a.pdf", self_holding_pdf, "damaged"),
    "pdf without end": ("a.pdf", endless_pdf, f"more than {READER_SECONDS} seconds"),
    "encrypted pdf": (
        "a.pdf",
        lambda: pdf([["secret"]], encrypt=StandardEncryption("user", "owner")),
        "encrypted: remove its password",
    ),
    "html named pdf": ("a.pdf", lambda: b"<!DOCTYPE html><html><body>Sign in", "is named .pdf but holds HTML"),
    "pdf named docx": ("a.docx", lambda: pdf([["words"]]), "is named .docx but holds a PDF"),
    "zip named md": ("a.md", lambda: zipped({"a.md": "x"}), "is named .md but holds a ZIP archive"),
    "empty file": ("a.md", lambda: b"", "The file is empty."),
    "no text in it": ("a.html", lambda: b"<html><body><p> </p></body></html>", "holds no text"),
    "invalid utf-8": ("a.md", lambda: b"# Words \x81\x8d\xff\n", "unknown encoding"),
    "tags without end": ("a.html", lambda: b"<div>" * 500_000 + b"x", "seconds to read"),
}


@pytest.mark.parametrize("what", FILES)
async def test_it_fails_with_a_reason_and_nobody_else_notices(place: Place, what: str) -> None:
    name, build, reason = FILES[what]
    id_ = await place.owner.give(name, build())
    found = await place.until(id_, "failed")
    assert reason in found["error"]
    assert "Traceback" not in found["error"]
    assert found["error"].endswith((".", ")."))
    await place.is_well()
    assert (await place.owner.delete(f"{DOCUMENTS}/{id_}")).status_code == 204
    place.worker.look()
    assert set(place.worker.peaks) == set(place.worker.start), "the worker's processes are those that it had"


LEFT_OUT: dict[str, tuple[Callable[[], bytes], str]] = {
    "10 GB": (lambda: huge("a.txt"), "Left out of it: 1 too large (UPLOAD_BYTES)."),
    "overlapping files": (overlapping, "Left out of it: 999 damaged."),
}


@pytest.mark.parametrize("what", LEFT_OUT)
async def test_what_is_hostile_in_an_archive_is_left_out_of_it(place: Place, what: str) -> None:
    build, note = LEFT_OUT[what]
    id_ = await place.owner.give("a.zip", build())
    assert (await place.until(id_, "ready"))["error"] == note
    await place.is_well()
    assert (await place.owner.delete(f"{DOCUMENTS}/{id_}")).status_code == 204


async def test_paths_in_an_archive_lead_nowhere(place: Place, tmp_path: Path) -> None:
    before, around = kept(place.api), _files_around(place.api)
    names = ["../../../x.md", "/tmp/x.md", "..\\..\\x.md", "C:\\x.md", "a/../../../../x.md", "./x/../../x.md"]
    id_ = await place.owner.give("paths.zip", zipped({name: f"{n} {uuid.uuid4()}" for n, name in enumerate(names)}))
    archive = await place.until(id_, "ready")
    answer = await place.owner.get(DOCUMENTS, params={"parent": id_})
    members = answer.json()["documents"]
    assert archive["total"] == len(members) > 1
    for member in members:
        await place.until(member["id"], "ready")
        assert ".." not in member["origin"]
    added = kept(place.api) - before
    assert len(added) == len(members) + 1
    assert all(name.isalnum() for name in added)
    assert _files_around(place.api) == around
    assert not Path("/tmp/x.md").exists()
    assert (await place.owner.delete(f"{DOCUMENTS}/{id_}")).status_code == 204
    assert kept(place.api) == before


def _files_around(api: Api) -> set[Path]:
    """Everything but the uploads and the index."""
    data = Path(api.environ["DATA_DIR"])
    return {*data.parent.rglob("*.md"), *data.iterdir()}


async def test_an_upload_of_200_mb_is_refused_while_it_comes(place: Place) -> None:
    before = kept(place.api)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.txt"\r\n\r\n'
    tail = b"\r\n--b--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        yield head
        for _ in range(UPLOADED_BYTES // MIB):
            yield b"x" * MIB
        yield tail

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    announced = {"Content-Length": str(len(head) + UPLOADED_BYTES + len(tail))}
    for more in ({}, announced):
        answer = await place.owner.post(DOCUMENTS, content=pieces(), headers=headers | more)
        problem(answer, 413, "too_large")
        assert kept(place.api) == before
    await place.is_well()


async def test_a_body_of_invalid_utf_8_is_refused(place: Place) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"title": "x\xff", "text": "y\xc3\x28"}'
    problem(await place.owner.post(DOCUMENTS, content=body, headers=headers), 422, "invalid")


async def test_memory_stayed_bounded(place: Place) -> None:
    """The last one: what all of the others made the processes hold at their worst."""
    for watch in (place.worker, place.server):
        watch.look()
        for pid, before in watch.start.items():
            assert watch.peaks[pid] - before < GROWTH_BYTES, f"{before:,} to {watch.peaks[pid]:,} bytes"
    assert place.worker.readers, "those that took long were seen"
    assert max(place.worker.readers.values()) <= READER_BYTES
