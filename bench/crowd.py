"""Many sockets for little: WebSockets that say hello, answer pings and count what comes, without reading it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import cast
from urllib.parse import urlsplit

from chatserver.ids import uuid7
from chatserver.protocol.frames import User
from tests.credentials import access_token

__all__ = ["Crowd", "Member", "user_ids"]

AT_ONCE = 50
JOIN_SECONDS = 60.0
TEXT, PING, PONG = 0x1, 0x9, 0xA
_BY_US, _PENDING = b'"kind":"assistant"', b'"status":"pending"'


class Member(asyncio.Protocol):
    """One socket of `user` in `rooms`. Counts the `deltas` that came, the `answers` that ended, `size` in bytes.

    `opened` and `take` are where another protocol would differ.
    """

    path = "/ws"
    protocol = "Sec-WebSocket-Protocol: chat.v1.json\r\n"

    def __init__(self, host: str, user: User, rooms: Sequence[str], changed: Callable[[], None]) -> None:
        self.deltas = self.size = self.answers = 0
        self.ready = False
        self.closed = False
        self._host = host
        self.changed = changed
        self._hello = json.dumps(
            {
                "type": "hello",
                "id": "1",
                "client": "bench",
                "token": access_token(user.id),
                "rooms": [{"room": room} for room in rooms],
            }
        ).encode()
        self._buffer = b""
        self._open = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {self.path} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{self.protocol}\r\n"
        )
        self._transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        self._buffer += data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101"), head[:200]
            self._open, self._buffer = True, rest
            self.opened()
        self._read()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self.changed()

    def close(self) -> None:
        self._transport.abort()

    def _read(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, body = buffer[at + 1] & 0x7F, at + 2
            if length == 126:
                if len(buffer) - at < 4:
                    break
                (length,), body = struct.unpack_from("!H", buffer, at + 2), at + 4
            elif length == 127:
                if len(buffer) - at < 10:
                    break
                (length,), body = struct.unpack_from("!Q", buffer, at + 2), at + 10
            if len(buffer) < body + length:
                break
            opcode = buffer[at] & 0x0F
            if opcode == TEXT:
                self.take(buffer[body : body + length])
            elif opcode == PING:
                self.send(PONG, buffer[body : body + length])
            at = body + length
        self._buffer = buffer[at:]

    def opened(self) -> None:
        self.send(TEXT, self._hello)

    def take(self, frame: bytes) -> None:
        for part in frame.split(b"\n"):  # what one tick of the server offers is one frame
            if b'"type":"answer.delta"' in part:
                self.deltas += 1
                continue
            self.answers += _BY_US in part and _PENDING not in part  # by `message`, or when healed by `room.changes`
            self.ready = self.ready or b'"type":"ready"' in part
            self.changed()

    def send(self, opcode: int, data: bytes) -> None:
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        self._transport.write(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data)  # a mask of zeros


class Crowd:
    """`await crowd.join(…)` opens sockets; `async with` closes them."""

    def __init__(self, url: str, member: type[Member] = Member) -> None:
        self._member = member
        parts = urlsplit(url)
        self.members: list[Member] = []
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Crowd:
        return self

    async def __aexit__(self, *_: object) -> None:
        for member in self.members:
            member.close()
        await self.until(lambda: all(member.closed for member in self.members))

    @property
    def deltas(self) -> int:
        return sum(member.deltas for member in self.members)

    async def join(self, pairs: Sequence[tuple[User, Sequence[str]]]) -> None:
        """A socket for each (user, rooms); returns when all of them are ready."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(pairs), AT_ONCE):
            for user, rooms in pairs[start : start + AT_ONCE]:
                host = f"{self._host}:{self._port}"
                member = self._member(host, user, rooms, self._changed.set)
                await loop.create_connection(lambda member=member: member, self._host, self._port)  # type: ignore[misc]
                self.members.append(member)
            await self.until(lambda: all(member.ready for member in self.members))

    async def until(self, condition: Callable[[], bool], seconds: float = JOIN_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def user_ids(count: int, each: int) -> Iterator[list[str]]:
    """`count` ids of nobody, in lists of `each`."""
    for start in range(0, count, each):
        yield [str(uuid7()) for _ in range(min(each, count - start))]
