"""Another embedding model in the settings: questions are answered by meaning all the time, first by the old vectors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from chatserver.config import config
from chatserver.errors import ProviderError
from chatserver.knowledge.embedding import ServingEmbedder
from chatserver.knowledge.index import LanceIndex
from chatserver.knowledge.ingest import Ingester
from chatserver.knowledge.models import EmbeddingModel
from chatserver.providers.detect import choose_embedder
from chatserver.providers.embeddings import OpenAIEmbedder
from chatserver.rooms.store import Store
from tests.api import background_worker, open_api
from tests.owner import Owner, as_owner
from tests.server import Server
from tests.small_http import HTTP, Reply, Request, http_server

DEADLINE = 60.0
POLL_SECONDS = 0.05
WORDS = ("room", "kind", "tea")


def endpoint(dimensions: int, gate: asyncio.Event | None = None) -> Callable[[Request], Reply]:
    """Says of a text which of the words are in it; the rest of its numbers are small."""

    async def told(texts: list[str]) -> AsyncIterator[bytes]:
        if gate is not None:
            await gate.wait()
        vectors = [[float(word in text.lower()) for word in WORDS] for text in texts]
        rows = [[*numbers, *[0.01] * (dimensions - len(WORDS))] for numbers in vectors]
        yield json.dumps({"data": [{"index": n, "embedding": row} for n, row in enumerate(rows)]}).encode()

    return lambda request: Reply(told(request.body["input"]))


@pytest.fixture
async def old() -> AsyncIterator[HTTP]:
    async with http_server(endpoint(4)) as http:
        yield http


@pytest.fixture
def gate() -> asyncio.Event:
    """Until it is set, the new model does not answer."""
    return asyncio.Event()


@pytest.fixture
async def new(gate: asyncio.Event) -> AsyncIterator[HTTP]:
    async with http_server(endpoint(7, gate)) as http:
        yield http


def settings(http: HTTP, model: str) -> dict[str, str]:
    return {"EMBED_BASE_URL": f"{http.url}/v1", "EMBED_MODEL": model, "EMBED_API_KEY": f"sk-{model}"}


async def state(owner: Owner) -> dict[str, Any]:
    found: dict[str, Any] = (await owner.get("/api/v1/knowledge")).json()
    return found


async def until(condition: Callable[[dict[str, Any]], bool], *owners: Owner) -> None:
    """Wait until it holds of the state that each of the servers tells."""
    async with asyncio.timeout(DEADLINE):
        while not all([condition(await state(owner)) for owner in owners]):
            await asyncio.sleep(POLL_SECONDS)


async def search_by_meaning(owner: Owner) -> None:
    found = await owner.search("What is a room?")
    assert found, "nothing found"
    assert any(passage["dense"] is not None for passage in found), "searched by words alone"


def at(server: Server, owner: Owner) -> Owner:
    return Owner(base_url=server.http, headers=owner.headers, timeout=20, trust_env=False)


async def test_the_old_vectors_serve_until_the_new_ones_are_complete(
    orm: None, database_url: str, redis_url: str, tmp_path: Path, old: HTTP, new: HTTP, gate: asyncio.Event
) -> None:
    async with open_api(database_url, redis_url, tmp_path, **settings(old, "old")) as api:
        owner = as_owner(api, await api.member("Olga", "admin"))
        async with background_worker(api.environ):
            for title in ("Rules of the room", "Be kind", "Tea time"):
                await owner.write(title, f"{title}. " * 30)
            await until(lambda found: found["documents"]["ready"] == 4, owner)  # with the one that the site has
            assert (await state(owner))["serving"] == "old"
        await search_by_meaning(owner)

        after = {**api.environ, **settings(new, "new"), "EMBED_PREVIOUS_API_KEY": "sk-old"}
        async with Server(after) as restarted, background_worker(after), at(restarted, owner) as other:
            both = (owner, other)
            await until(lambda found: found["serving"] == "old" and found["reembedding"] is not None, *both)
            assert (await state(other))["embedder"] == "new"
            assert (await other.get("/readyz")).json()["search"] == "hybrid, re-embedding"
            asked = len(old.requests)
            for each in both:
                await search_by_meaning(each)
            assert len(old.requests) == asked + 2
            assert {request.headers["authorization"] for request in old.requests} == {"Bearer sk-old"}
            searching = asyncio.create_task(_search_until(gate, both))
            await until(lambda found: found["serving"] == "new" and found["reembedding"] is None, *both)
            await searching
            for each in both:
                await search_by_meaning(each)
            assert len(new.requests[-1].body["input"]) == 1, "questions go to the new model"
            keys = {request.headers.get("authorization") for request in new.requests}
            assert keys == {"Bearer sk-new", None}, "who was not started anew has no key for it"
        await asyncio.to_thread(_retire, api.environ["INDEX_URL"], new)
        assert not await LanceIndex(api.environ["INDEX_URL"], OpenAIEmbedder(old.url, "old")).documents(vectors=True)
        await search_by_meaning(owner)


async def _search_until(gate: asyncio.Event, owners: tuple[Owner, ...]) -> None:
    """Every question is searched by meaning, before the change, while it happens, and after it."""
    for each in owners * 5:
        await search_by_meaning(each)
    gate.set()
    async with asyncio.timeout(DEADLINE):
        while (await state(owners[0]))["serving"] != "new":
            for each in owners:
                await search_by_meaning(each)


def _retire(uri: str, new: HTTP) -> None:
    embedder = OpenAIEmbedder(new.url, "new")
    with closing(connection), Ingester(LanceIndex(uri, embedder), embedder) as ingester:
        ingester.retire()
        assert EmbeddingModel.objects.count() == 2, "the old one stays for a while"
        ingester.retire(timedelta(0))
        assert [model.name for model in EmbeddingModel.objects.all()] == ["new"]


async def test_what_cannot_be_run_any_more_leaves_words_alone(database_url: str, tmp_path: Path, old: HTTP) -> None:
    """An ONNX folder that is gone, for instance."""
    store = await Store.open(database_url)
    await store.pool.execute(
        """INSERT INTO knowledge_embeddingmodel(name, model, base_url, dimensions, complete, created)
           VALUES ('gone@1', $1, '', 3, now(), now())""",
        str(tmp_path / "gone"),
    )
    own = OpenAIEmbedder(old.url, "old")
    serving = ServingEmbedder(store.pool, config(), own, choose_embedder)
    await serving.start()
    assert (serving.configured, serving.serving) == ("old", None)
    with pytest.raises(ProviderError):
        await serving.embed(["What is a room?"], query=True)
    assert not old.requests
    await serving.aclose()
    await store.close()
