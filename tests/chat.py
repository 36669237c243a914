"""A client over a real socket, for tests: commands with their answers, and a state by the protocol's client rules."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.client_model import ClientModel

DEADLINE = 60.0

type Frame = dict[str, Any]


class Refused(Exception):
    """The server answered a command with an `error`."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(f"{frame['code']}: {frame['message']}")
        self.code: str = frame["code"]
        self.frame = frame


class Chat:
    """One socket. `model` outlives it when given, so that a second socket can resume where the first was cut."""

    def __init__(self, url: str, token: str | None = None, *, model: ClientModel | None = None, **options: Any) -> None:
        self.model = model or ClientModel()
        self.frames: list[Frame] = []
        self.closed: int | None = None
        self._url, self._token, self._options = url, token, options
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._changed = asyncio.Condition()
        self._ids = 0
        self._socket: ClientConnection
        self._reader: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._url, subprotocols=["chat.v1.json"], compression=None, open_timeout=DEADLINE, **self._options
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await self._reader

    @property
    def tls(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self._socket.transport.get_extra_info("ssl_object")
        return found

    def cut(self) -> None:
        """Break the connection without a word, as a train in a tunnel does."""
        self._socket.transport.abort()

    def stop_reading(self) -> None:
        """Leave what comes in the kernel's buffers, as a phone in a pocket does."""
        self._socket.transport.pause_reading()

    def go_on_reading(self) -> None:
        self._socket.transport.resume_reading()

    async def hello(self, *rooms: str) -> Frame:
        """Say hello, resume `rooms` from where the model is, and wait for `ready`."""
        resume = [self.model.resume(room) for room in rooms]
        extra = {"epoch": self.model.epoch} if self.model.epoch else {}
        token = {"token": self._token} if self._token else {}
        answer = await self.command("hello", client="tests", rooms=resume, **token, **extra)
        await self.until(lambda: any(frame["type"] == "ready" for frame in self.frames))
        return answer

    async def command(self, type_: str, **fields: Any) -> Frame:
        """Send a command and wait for its answer; raises `Refused` on `error`."""
        self._ids += 1
        id_ = str(self._ids)
        future = self._waiting[id_] = asyncio.get_running_loop().create_future()
        await self.send({"type": type_, "id": id_, **fields})
        async with asyncio.timeout(DEADLINE):
            frame = await future
        if frame["type"] == "error":
            raise Refused(frame)
        return frame

    async def send(self, frame: Frame | str | bytes) -> None:
        await self._socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def ask(self, room: str, text: str, cid: str | None = None, **fields: Any) -> Frame:
        return await self.command("message.send", room=room, cid=cid or uuid.uuid4().hex, text=text, **fields)

    async def until(self, condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
        """Wait until `condition` holds; it is looked at after every frame and at the close."""
        async with asyncio.timeout(deadline), self._changed:
            await self._changed.wait_for(condition)

    async def until_status(self, room: str, message: str, *status: str, deadline: float = DEADLINE) -> Frame:
        """Wait until the message has one of `status`; returns it."""

        def arrived() -> bool:
            found = self.model.rooms[room].messages.get(message) if room in self.model.rooms else None
            return bool(found) and found["status"] in status

        await self.until(arrived, deadline)
        return self.model.rooms[room].messages[message]

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                for line in data.split("\n") if isinstance(data, str) else []:
                    await self._take(json.loads(line))
        except ConnectionClosed:
            pass
        self.closed = self._socket.close_code
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError(f"closed {self.closed}"))
                future.exception()
        async with self._changed:
            self._changed.notify_all()

    async def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        for command in self.model.receive(frame):
            self._ids += 1
            await self.send({"id": str(self._ids), **command})
        future = self._waiting.pop(frame.get("re", ""), None) if frame["type"] != "room.changes" else None
        if future and not future.done():
            future.set_result(frame)
        async with self._changed:
            self._changed.notify_all()
