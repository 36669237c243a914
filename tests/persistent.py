"""A client that keeps at it: pings when nothing comes, reconnects and resumes, repeats what was not acknowledged."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.exceptions import WebSocketException

from tests.chat import Chat, Frame, Refused
from tests.client_model import ClientModel

SILENCE_SECONDS = 3.0
"""As the protocol's heartbeat of 25 s and 10 s, with less patience."""
HELLO_SECONDS = 5.0
BACKOFF_SECONDS = 0.5
LOST = (OSError, TimeoutError, WebSocketException, Refused)


class Persistent:
    """One person's client in `room`. `dial(model)` opens a socket; `model` is what the person knows."""

    def __init__(self, dial: Callable[[ClientModel], Awaitable[Chat]], room: str) -> None:
        self.model = ClientModel()
        self.acknowledged: dict[str, str] = {}
        """Message -> text."""
        self.sockets = 0
        self.ends: list[str] = []
        """Why sockets ended, for who looks into a failure."""
        self._dial = dial
        self._room = room
        self._chat: Chat | None = None
        self._online = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def online(self) -> None:
        await self._online.wait()

    async def say(self, text: str, **fields: Any) -> Frame:
        """Send until it is acknowledged, always under the same `cid`."""
        cid = uuid.uuid4().hex
        while True:
            await self._online.wait()
            assert self._chat is not None
            try:
                ok = await self._chat.ask(self._room, text, cid, **fields)
            except LOST:
                await asyncio.sleep(random.uniform(0.1, BACKOFF_SECONDS))
                continue
            self.acknowledged[ok["message"]] = text
            return ok

    async def until(self, condition: Callable[[], bool], deadline: float) -> None:
        """Wait until `condition` of the model holds, on whatever socket it comes."""
        async with asyncio.timeout(deadline):
            while not condition():
                await self._online.wait()
                assert self._chat is not None
                chat = self._chat
                await chat.until(lambda chat=chat: condition() or chat.closed is not None, deadline)  # type: ignore[misc]
                await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            try:
                async with await self._dial(self.model) as chat:
                    try:
                        async with asyncio.timeout(HELLO_SECONDS):
                            await chat.hello(self._room)
                        self.sockets += 1
                        self._chat = chat
                        self._online.set()
                        await self._watch(chat)
                        self.ends.append(f"closed {chat.closed}")
                    finally:
                        self._online.clear()
                        chat.cut()
            except LOST as error:
                self.ends.append(repr(error))
            await asyncio.sleep(random.uniform(0.1, BACKOFF_SECONDS))

    async def _watch(self, chat: Chat) -> None:
        while chat.closed is None:
            known = len(chat.frames)
            try:
                await chat.until(lambda: len(chat.frames) > known or chat.closed is not None, SILENCE_SECONDS)  # noqa: B023
            except TimeoutError:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await chat.command("ping")
