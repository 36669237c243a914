"""Which path is which socket: there is one."""

from __future__ import annotations

from typing import Any

from chatserver.config import config
from consumers.chat import ChatConsumer

__all__ = ["PATH", "websocket"]

PATH = "/ws"

_chat = ChatConsumer.as_asgi()


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of all WebSockets; another path is refused before the accept."""
    # As with HTTP, a proxy that serves us under a path may have stripped it or not.
    if scope["path"].removeprefix(config().prefix) == PATH:
        await _chat(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.close"})
