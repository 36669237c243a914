"""A small real HTTP server on a port that the system chose, for tests of clients: it says what it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """`body`: bytes as they are, an asynchronous iterator of bytes as they come (its end is that of the connection),
    anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class HTTP:
    url: str = ""
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def http_server(answer: Callable[[Request], Reply], host: str = "127.0.0.1") -> AsyncIterator[HTTP]:
    """One request per connection; `answer` may raise, which breaks the connection."""
    http = HTTP()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
            }
            sent = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = first.split(" ")
            request = Request(method, path, headers, json.loads(sent) if sent else None)
            http.requests.append(request)
            reply = answer(request)
            said: dict[str, object] = {"Connection": "close"}
            if isinstance(reply.body, AsyncIterator):
                parts = reply.body
            else:
                body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                said["Content-Length"] = len(body)
                parts = _whole(body)
            lines = [f"{name}: {value}" for name, value in (said | reply.headers).items()]
            writer.write("\r\n".join([f"HTTP/1.1 {reply.status} Said", *lines, "", ""]).encode())
            async for part in parts:
                writer.write(part)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left, which is its good right
        finally:
            writer.close()

    async with await asyncio.start_server(serve, host, 0) as server:
        http.url = f"http://{host}:{server.sockets[0].getsockname()[1]}"
        yield http


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
