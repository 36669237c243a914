"""The ASGI application: HTTP to Django, `/ws` to the consumer. Any ASGI server can run it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")

from django.core.asgi import get_asgi_application

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

http = get_asgi_application()

from chatserver import wiring  # noqa: E402 - models need Django, which is set up just now
from consumers.routing import websocket  # noqa: E402


async def application(scope: Message, receive: Receive, send: Send) -> None:
    # Daphne knows no lifespan, and the process's services belong to the loop that serves: the first scope starts them.
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    wiring.begin()
    await (websocket if scope["type"] == "websocket" else http)(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            wiring.begin()
            await send({"type": "lifespan.startup.complete"})
        else:
            await wiring.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
