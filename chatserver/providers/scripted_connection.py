"""One TCP connection of the scripted server: just enough of HTTP/1.1 for one client, and every way to break it."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import socket
import struct
from collections.abc import Iterator
from typing import Any, Literal, Protocol, cast

from chatserver.providers.scripted_endings import Ending, chunk

__all__ = ["Connection", "Script", "vector"]

REQUEST_BYTES = 8 * 1024 * 1024
DIMENSIONS = 8


class Script(Protocol):
    """What a connection asks of its server, and tells it."""

    pieces: list[str]
    first_token: float
    rate: float
    embeddings: Literal["plain", "tokens", "base64"]
    models: tuple[str, ...]

    def ending(self) -> Ending:
        """Of the next answer; counts it."""
        ...

    def joined(self, connection: Connection) -> None: ...

    def left(self, connection: Connection) -> None: ...

    def began(self, headers: dict[str, str], body: dict[str, Any]) -> None: ...

    def ended(self, *, aborted: bool) -> None: ...


class _Request:
    """What `data` begins with; `size` is its length in bytes."""

    def __init__(self, data: bytes) -> None:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.path = first.split(" ")[1].partition("?")[0]
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(self.headers.get("content-length", "0"))
        self.size = len(head) + 4 + length
        self.whole = len(rest) >= length
        self.body: dict[str, Any] = json.loads(rest[:length]) if self.whole and length else {}


class Connection(asyncio.Protocol):
    """Answers one request after the other; a client that leaves before the end of its answer is noticed at once."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._data = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._script.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._script.left(self)

    def drop(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > REQUEST_BYTES:
            self.drop()
        elif self._task is None:
            self._next()

    def _next(self) -> None:
        if b"\r\n\r\n" not in self._data:
            return
        request = _Request(bytes(self._data))
        if request.whole:
            del self._data[: request.size]
            self._task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: _Request) -> None:
        script = self._script
        script.began(request.headers, request.body)
        aborted = True
        try:
            if request.path.endswith("/chat/completions"):
                await self._chat(script.ending(), request.body)
            elif request.path.endswith("/embeddings"):
                self._send_json(200, self._embeddings(request.body))
            elif request.path.endswith("/models"):
                self._send_json(200, {"object": "list", "data": [{"id": name} for name in script.models]})
            elif request.path.endswith("/api/tags"):
                self._send_json(200, {"models": [{"name": name, "size": len(name)} for name in script.models]})
            else:
                self._send_json(404, {"error": {"message": "no such path"}})
            aborted = False
        finally:
            self._task = None
            script.ended(aborted=aborted)
        self._next()

    async def _chat(self, ending: Ending, body: dict[str, Any]) -> None:
        if ending.unless and ending.unless not in body:
            ending = ending.otherwise()
        if ending.body is not None:
            await asyncio.sleep(self._script.first_token)
            self._send(ending.status, ending.type, ending.body, ending.headers)
            return
        chunked = ending.close != "eof"
        framing = (("Transfer-Encoding", "chunked"),) if chunked else (("Connection", "close"),)
        self._transport.write(_head(ending.status, ending.type, (*ending.headers, *framing)))
        if ending.pieces == "whole":
            self._part(b"".join(part for part, _ in self._parts(ending)), chunked)
        else:
            loop = asyncio.get_running_loop()
            due = loop.time() + self._script.first_token
            for part, timed in self._parts(ending):
                if timed:
                    # Against the clock, so that a busy machine does not slow the rate down.
                    await asyncio.sleep(max(0.0, due - loop.time()))
                    due += 1 / self._script.rate if self._script.rate else 0.0
                for piece in (part,) if ending.pieces == "event" else (part[i : i + 1] for i in range(len(part))):
                    self._part(piece, chunked)
                    if ending.pieces == "byte":
                        await asyncio.sleep(0)
        await self._close(ending)

    def _parts(self, ending: Ending) -> Iterator[tuple[bytes, bool]]:
        """The stream's parts; True for those that the rate is about."""
        stream: list[tuple[bytes, bool]] = [(part, False) for part in ending.before]
        if ending.text:
            for piece in self._script.pieces:
                stream += [(chunk({"content": piece}), True), (ending.between, False)]
        stream += [(part, False) for part in ending.after]
        return ((part.replace(b"\n", ending.newline), timed) for part, timed in stream if part)

    def _part(self, part: bytes, chunked: bool) -> None:
        if part:
            self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)

    async def _close(self, ending: Ending) -> None:
        match ending.close:
            case "end":
                self._transport.write(b"0\r\n\r\n")
            case "eof" | "drop":
                self._transport.close()
            case "reset":
                linger = struct.pack("ii", 1, 0)  # makes a close send RST instead of FIN
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._transport.close()
            case "hold":
                await asyncio.get_running_loop().create_future()  # until the client leaves

    def _send_json(self, status: int, value: object) -> None:
        self._send(status, "application/json", json.dumps(value).encode())

    def _send(self, status: int, type_: str, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._transport.write(_head(status, type_, (*headers, ("Content-Length", str(len(body))))) + body)

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        found: list[Any] = [vector(text) for text in texts]
        if self._script.embeddings == "tokens":
            found = [[vector(word) for word in text.split()] for text in texts]
        elif self._script.embeddings == "base64":
            found = [base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *numbers)).decode() for numbers in found]
        # Backwards: `index` says which text a vector belongs to.
        data = [{"object": "embedding", "index": i, "embedding": found[i]} for i in reversed(range(len(found)))]
        return {"object": "list", "data": data, "usage": {"prompt_tokens": len(texts), "total_tokens": len(texts)}}


def vector(text: str) -> list[float]:
    """A vector that depends on nothing but `text`; its length is not 1, as with several real servers."""
    return [math.sin(1.0 + i + sum(text.encode()) * (i + 1)) * 3 for i in range(DIMENSIONS)]


def _head(status: int, type_: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {type_}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
