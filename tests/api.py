"""The HTTP API of a real server, for tests: a world with two sites, and clients for whoever lives in it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chatserver.config import load
from chatserver.database import Pool
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from chatserver.rag.types import Passage
from chatserver.rooms.store import Store
from chatserver.serving.background import worker_command
from tests.credentials import access_token, session_key
from tests.records import Site
from tests.server import ROOT, Server

DEADLINE = 20.0
UPLOAD_BYTES = 256 * 1024
ANSWER = "A room is a place where people and the assistant talk. [1] 你好，世界 🙂"

_addresses = itertools.count(1)


@dataclass
class Api:
    """One server with a scripted model. `site` has a document about rooms; `other` is somebody else's."""

    server: Server
    environ: Mapping[str, str]
    store: Store
    site: Site
    other: Site
    model: ScriptedServer
    transport: httpx.AsyncHTTPTransport

    @property
    def uploads(self) -> Path:
        return Path(self.environ["DATA_DIR"]) / "uploads"

    def client(self, user: User | None = None, **headers: str) -> httpx.AsyncClient:
        """A client with a bearer token (`user` None: with none) and an address of its own, so that no limit that
        counts by address is met by accident."""
        n = next(_addresses)
        known = {"X-Forwarded-For": f"10.0.{n // 256}.{n % 256}"}
        if user is not None:
            known["Authorization"] = f"Bearer {access_token(user.id)}"
        # Not to be closed: the transport is shared.
        return httpx.AsyncClient(
            transport=self.transport, base_url=self.server.http, headers={**known, **headers}, timeout=DEADLINE
        )

    async def page(self, user: User) -> httpx.AsyncClient:
        """One of our own pages where `user` has signed in: the session's cookie and the CSRF token of a form."""
        page = self.client()
        await page.get("/app/")
        page.cookies.set("sessionid", await session_key(self.store.pool, user.id))
        return page

    async def answer(self, asker: User, question: str, **more: str) -> dict[str, Any]:
        """Ask over HTTP (`room`: there), and wait for the answer: the message as it ends the stream."""
        answer = await self.client(asker).post("/api/v1/ask", json={"question": question, **more})
        assert answer.status_code == 200, answer.text
        last = [line for line in answer.text.splitlines() if line.startswith("data: ")][-1]
        message: dict[str, Any] = json.loads(last.removeprefix("data: "))["message"]
        return message

    async def member(self, name: str, role: str = "member", site: Site | None = None) -> User:
        """A user with a place in `site`."""
        site = site or self.site
        user = await site.user(name)
        await site.join(user, role)
        return user


@asynccontextmanager
async def open_api(database_url: str, redis_url: str, folder: Path, **extra: str) -> AsyncIterator[Api]:
    environ = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder / "data"),
        "INDEX_URL": str(folder / "index"),
        "UPLOAD_BYTES": str(UPLOAD_BYTES),
        "SENDS_PER_MINUTE": "100",
        "TRUSTED_PROXIES": "1",
        **extra,
    }
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ScriptedServer(text=ANSWER))
        environ |= {"LLM_BASE_URL": model.base_url, "LLM_MODEL": "scripted"}
        store = await Store.open(database_url)
        stack.push_async_callback(store.close)
        site = await Site(store.pool).create(("https://shop.example",))
        other = await Site(store.pool, key="other").create(("https://other.example",))
        await add_rooms(store.pool, LanceIndex(environ["INDEX_URL"]), site)
        server = await stack.enter_async_context(Server(environ))
        transport = httpx.AsyncHTTPTransport(trust_env=False)
        stack.push_async_callback(transport.aclose)
        yield Api(server, environ, store, site, other, model, transport)


ROOMS = "A room is a place where people and the assistant talk. It has members."


async def add_rooms(pool: Pool, index: LanceIndex, site: Site, text: str = ROOMS, collection: str = "Rooms") -> None:
    """A ready document, in the index and in the records: a worker removes from the index what has no record."""
    passage = Passage(chunk=str(uuid7()), document=str(uuid7()), collection=str(uuid7()), title="Rooms", text=text)
    await pool.execute(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created)
           VALUES ($1::uuid, $2::uuid, $3, 'public', now())""",
        *(passage.collection, site.id, collection),
    )
    await pool.execute(
        """INSERT INTO knowledge_document(id, collection_id, title, origin, media_type, content_hash, file, text, size,
                                          status, error, done, total, created, updated)
           VALUES ($1::uuid, $2::uuid, 'Rooms', '', 'text/markdown', $3, '', $4, 0, 'ready', '', 1, 1, now(), now())""",
        *(passage.document, passage.collection, hashlib.sha256(text.encode()).digest(), text),
    )
    await pool.execute(
        """INSERT INTO knowledge_chunk(id, document_id, ordinal, heading, text, start, "end")
           VALUES ($1::uuid, $2::uuid, 0, '', $3, 0, $4)""",
        *(passage.chunk, passage.document, text, len(text)),
    )
    await index.add([passage])


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The RFC 9457 problem that `response` must be."""
    assert response.status_code == status, f"{response.status_code}: {response.text[:500]}"
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in response.text
    return body


@asynccontextmanager
async def background_worker(environ: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Celery worker as `manage.py serve` starts it, leader of a process group of its own. What it printed is shown
    when the tests around it fail."""
    process = await asyncio.create_subprocess_exec(
        *worker_command(load(environ)),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(DEADLINE):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, 9)
            await process.wait()
