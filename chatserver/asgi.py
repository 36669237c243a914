"""The ASGI application: HTTP to Django, `/ws` to the consumer. Any ASGI server can run it."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

# Models need Django, which is set up just now. `urls` is here for the first request, which would load it while sockets
# wait.
from chatserver import urls, wiring  # noqa: E402, F401
from chatserver.api.requests import Requests  # noqa: E402
from consumers.routing import websocket  # noqa: E402

http = Requests(django)


async def application(scope: Any, receive: Any, send: Any) -> None:
    # Daphne knows no lifespan, and the process's services belong to the loop that serves: the first scope starts them.
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    await wiring.start()
    await (websocket if scope["type"] == "websocket" else http)(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await wiring.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await wiring.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
