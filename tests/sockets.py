"""Sockets to the server of the HTTP API's tests, each from an address of its own."""

from __future__ import annotations

import itertools
from typing import Any

from chatserver.protocol.frames import User
from tests.api import Api
from tests.chat import Chat, Frame
from tests.credentials import access_token

_addresses = itertools.count(1)


def chat(api: Api, user: User | None = None, *, token: str | None = None, **options: Any) -> Chat:
    """A socket from an address of its own, so that no limit that counts by address is met by accident."""
    n = next(_addresses)
    headers = {"X-Forwarded-For": f"10.1.{n // 256}.{n % 256}", **options.pop("headers", {})}
    return Chat(
        api.server.ws, token or (access_token(user.id) if user else None), additional_headers=headers, **options
    )


async def closed(socket: Chat) -> tuple[int | None, Frame]:
    """The close code, and the last object before it."""
    await socket.until(lambda: socket.closed is not None)
    return socket.closed, socket.frames[-1]


async def answer_to(socket: Chat, frame: Frame | str | bytes) -> Frame:
    """Send a frame that is refused; returns the `error`."""
    errors = sum(seen["type"] == "error" for seen in socket.frames)
    await socket.send(frame)
    await socket.until(lambda: sum(seen["type"] == "error" for seen in socket.frames) > errors)
    return next(seen for seen in reversed(socket.frames) if seen["type"] == "error")
