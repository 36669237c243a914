"""Both servers under gunicorn bound what a client sends; without gunicorn, each serves by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from chatserver.config import load
from chatserver.protocol.frames import FRAME_BYTES
from chatserver.serving.windows import plan
from tests.cluster.conftest import Cluster
from tests.server import SERVERS, Server

DEADLINE = 30.0
UPLOAD_BYTES = 64 * 1024
MIB = 1024 * 1024
ALONE = {
    "daphne": ("daphne", "--port", "PORT", "chatserver.asgi:application"),
    "uvicorn": ("uvicorn", "chatserver.asgi:application", "--reload", "--reload-dir", "consumers", "--port", "PORT"),
    "windows": plan("run", load({"SERVER": "uvicorn", "PORT": "1"})).running[0],
}


async def reply(server: Server, data: bytes) -> tuple[bytes, bytes]:
    """Send `data` on a connection of its own and nothing more; returns head and body of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.lower().splitlines() if line.startswith(b"content-length:")), b":0")
        body = await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    return head, body


async def pieces(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 65_536):
        yield b"x" * 65_536


@pytest.mark.parametrize("kind", SERVERS)
async def test_what_a_client_sends_is_bounded(cluster: Cluster, kind: str) -> None:
    async with cluster.server(kind, UPLOAD_BYTES=str(UPLOAD_BYTES)) as server:
        announced = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n"
        head, body = await reply(server, announced)
        assert head.startswith(b"HTTP/1.1 413 ")
        assert json.loads(body)["code"] == "too_large"

        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=DEADLINE) as client:
            grown = await client.post("/api/v1/search", content=pieces(4 * MIB))
            assert (grown.status_code, grown.json()["code"]) == (413, "too_large")
            assert grown.headers["content-type"] == "application/problem+json"
            refused = await client.post("/api/v1/search", content=pieces(MIB))
            assert refused.status_code != 200, "below the server's bound the API speaks for itself"
            assert (await client.get("/healthz")).status_code == 200

        # A head without an end: refused or cut, never kept.
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 128 * 1024)
        async with asyncio.timeout(DEADLINE):
            assert (await reader.read(12)) in (b"", b"HTTP/1.1 431", b"HTTP/1.1 400")
        writer.close()

        async with cluster.chat(server, cluster.ann) as ann:
            await ann.hello()
            await ann.send("x" * (FRAME_BYTES + 1))
            await ann.until(lambda: ann.frames[-1].get("code") == "too_large")
            await ann.send("x" * (MIB + 1))
            await ann.until(lambda: ann.closed is not None)
            assert ann.closed == 1009
        async with cluster.chat(server, cluster.ann) as ann:
            await ann.hello()
            ann._socket.transport.write(b"\x81\x82\0\0\0\0\xff\xfe")  # a masked text frame that is no UTF-8
            await ann.until(lambda: ann.closed is not None)
            assert ann.closed == 1007
        assert "Traceback" not in server.log


async def test_a_proxy_on_this_machine_is_believed_only_when_the_settings_say_so(cluster: Cluster) -> None:
    """uvicorn by itself believes anybody on loopback: then one address could open any number of sockets."""
    async with cluster.server("uvicorn", SOCKETS_PER_ADDRESS="1") as server:
        forged = {"additional_headers": {"X-Forwarded-For": "10.9.9.9"}}
        async with cluster.chat(server, cluster.ann) as first, cluster.chat(server, cluster.bob, **forged) as second:
            await first.hello()
            await second.until(lambda: second.closed is not None)
            assert second.closed == 4029


@pytest.mark.parametrize("kind", ALONE)
async def test_a_server_without_gunicorn_serves_by_itself(cluster: Cluster, kind: str) -> None:
    command = tuple("PORT" if part == "1" else part for part in ALONE[kind])
    async with cluster.server(alone=command) as server:
        async with cluster.chat(server, cluster.ann) as ann, cluster.chat(server, cluster.bob) as bob:
            room = await cluster.site.room(cluster.store, cluster.ann, cluster.bob, policy="off")
            await ann.hello(room)
            await bob.hello(room)
            sent = await ann.ask(room, "Hello? 你好")
            await bob.until(lambda: sent["message"] in bob.model.rooms[room].messages)
        assert "Traceback" not in server.log
