"""What operators and tools look at: health, readiness, metrics, the API's description, paths that are none."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.api import Api, problem
from tests.own_redis import own_redis
from tests.owner import Owner
from tests.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_live_server_is_healthy_and_ready(api: Api) -> None:
    client = api.client()
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    states = dict.fromkeys(("status", "database", "redis", "index"), "ok")
    assert (ready.status_code, ready.json()) == (200, states | {"search": "lexical"})
    assert (await client.head("/healthz")).status_code == 200


async def test_who_manages_documents_is_told_how_they_are_searched(api: Api, owner: Owner) -> None:
    nothing = {"embedder": None, "serving": None, "reembedding": None}
    counts = dict.fromkeys(("queued", "parsing", "embedding", "ready", "failed"), 0)
    answer = await owner.get("/api/v1/knowledge")
    assert answer.json() == nothing | {"documents": counts, "chunks": 0}
    await owner.write("Tea", "Tea is served in the garden.")
    answer = await owner.get("/api/v1/knowledge")
    assert answer.json() == nothing | {"documents": counts | {"queued": 1}, "chunks": 0}
    problem(await api.client(await api.member("Mia")).get("/api/v1/knowledge"), 403, "forbidden")
    problem(await api.client().get("/api/v1/knowledge"), 401, "unauthenticated")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_they_are_only_read(api: Api, path: str) -> None:
    assert (await api.client().post(path)).status_code in (403, 405)


async def test_without_redis_it_says_so_and_serves_what_needs_none(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann)
    with tempfile.TemporaryDirectory(prefix="chatserver-redis-") as folder, own_redis(Path(folder)) as redis:
        async with Server({**api.environ, "REDIS_URL": redis.url}) as server:
            client = api.client(ann)
            client.base_url = server.http  # type: ignore[assignment]
            assert (await client.get("/readyz")).status_code == 200
            redis.stop()
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            body = answer.json()
            assert (body["status"], body["database"], body["index"]) == ("unavailable", "ok", "ok")
            assert body["redis"] != "ok"
            assert folder not in answer.text
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.patch(f"/api/v1/rooms/{room}", json={"title": "Still here"})).status_code == 200
            redis.start()
            for _ in range(100):
                if (answer := await client.get("/readyz")).status_code == 200:
                    break
            assert answer.status_code == 200


async def test_metrics_are_for_this_machine_and_superusers(api: Api) -> None:
    here = api.client()
    del here.headers["X-Forwarded-For"]
    answer = await here.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE chatserver_" in answer.text

    problem(await api.client().get("/metrics"), 401, "unauthenticated")
    problem(await api.client(await api.member("Ann", "admin")).get("/metrics"), 403, "forbidden")
    root = await api.site.user("Root", superuser=True)
    assert (await api.client(root).get("/metrics")).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.0.0.1, 127.0.0.1", "localhost", ""])
async def test_nobody_becomes_local_by_saying_so(api: Api, address: str) -> None:
    client = api.client()
    client.headers["X-Forwarded-For"] = address
    problem(await client.get("/metrics"), 401, "unauthenticated")


async def test_the_description_names_every_path(api: Api) -> None:
    description = (await api.client().get("/api/v1/openapi.json")).json()
    assert description["openapi"].startswith("3.")
    for path, methods in {
        "/api/v1/widget/session": {"post"},
        "/api/v1/auth/token": {"post"},
        "/api/v1/auth/refresh": {"post"},
        "/api/v1/auth/revoke": {"post"},
        "/api/v1/auth/ticket": {"post"},
        "/api/v1/rooms": {"get", "post"},
        "/api/v1/rooms/{room}": {"get", "patch", "delete"},
        "/api/v1/rooms/{room}/members": {"post"},
        "/api/v1/rooms/{room}/members/{user}": {"delete"},
        "/api/v1/rooms/{room}/messages": {"get"},
        "/api/v1/documents": {"get", "post"},
        "/api/v1/documents/{document}": {"get", "delete"},
        "/api/v1/documents/{document}/chunks": {"get"},
        "/api/v1/documents/{document}/retry": {"post"},
        "/api/v1/collections": {"get", "post"},
        "/api/v1/collections/{collection}": {"patch", "delete"},
        "/api/v1/search": {"post"},
        "/api/v1/gaps": {"get"},
        "/api/v1/gaps/{gap}/answer": {"post"},
        "/api/v1/gaps/{gap}/dismiss": {"post"},
        "/api/v1/ask": {"post"},
    }.items():
        assert methods <= description["paths"][path].keys(), path
    assert (await api.client().get("/api/v1/docs")).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["nothing", "rooms/", "documents/x", "", "openapi.xml", "%00", "a" * 4000])
async def test_a_path_that_is_none_is_a_problem(api: Api, path: str) -> None:
    problem(await api.client().get(f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "rooms"), ("PUT", "rooms"), ("GET", "ask"), ("GET", "auth/token"), ("BREW", "rooms")],
)
async def test_a_method_that_is_not_there_is_a_problem_that_names_the_others(api: Api, method: str, path: str) -> None:
    answer = await api.client().request(method, f"/api/v1/{path}")
    problem(answer, 405, "invalid")
    assert "POST" in answer.headers["Allow"]


async def test_a_host_that_is_not_ours_is_refused(api: Api) -> None:
    answer = await api.client(Host="evil.example").get("/api/v1/rooms")
    problem(answer, 400, "invalid")
    async with asyncio.timeout(20):
        while not (lines := [line for line in api.server.log.splitlines() if "evil.example" in line]):
            await asyncio.sleep(0.01)
    assert "WARNING" in lines[0]
    assert "Traceback" not in api.server.log
