"""The end of a socket when its process leaves: the client is heard out, however far away it is."""

from __future__ import annotations

import asyncio
import base64
import json
import os

import pytest
from websockets.frames import Frame, Opcode

from tests.cluster.conftest import Cluster
from tests.credentials import access_token
from tests.server import SERVERS

DEADLINE = 30.0
AWAY_SECONDS = 0.5
"""To a client at the other end of the world and back, with a lost packet."""


def masked(opcode: Opcode, data: bytes) -> bytes:
    """A frame as clients send it."""
    return Frame(opcode, data).serialize(mask=True)


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_client_that_answers_late_is_heard_out(cluster: Cluster, kind: str) -> None:
    async with cluster.server(kind) as server, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: chat.v1.json\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        hello = {"type": "hello", "id": "1", "client": "tests", "token": access_token(cluster.ann.id)}
        writer.write(masked(Opcode.TEXT, json.dumps(hello).encode()))
        await reader.readuntil(b'"ready"')
        server.terminate()
        await reader.readuntil(b'"bye"')
        await asyncio.sleep(AWAY_SECONDS)
        # What the client was saying meanwhile, and only then its answer to the server's close.
        writer.write(masked(Opcode.TEXT, b'{"type":"ping","id":"2"}'))
        await writer.drain()
        await asyncio.sleep(AWAY_SECONDS)
        writer.write(masked(Opcode.CLOSE, (4012).to_bytes(2)))
        assert (await reader.read()).endswith((4012).to_bytes(2)), "a reset may take with it what was not read yet"
        writer.close()
        assert await server.stop() == 0
