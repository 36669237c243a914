"""The application as a worker serves it: open, then leaving, then shut."""

from __future__ import annotations

from typing import Any

from chatserver.protocol.frames import SUBPROTOCOL
from chatserver.serving.bounds import RESTART_CODE

__all__ = ["Door"]


class Door:
    """Once a worker leaves it accepts no connections, but on those that are kept open requests still come: a socket is
    asked to reconnect, a request is answered and ends its connection, and when the services are gone it gets 503."""

    def __init__(self, application: Any) -> None:
        self.served = 0
        """WebSockets so far."""
        self.leaving = False
        self.shut = False
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            self.served += 1
            if self.leaving:
                await self._send_away(scope, receive, send)
                return
        elif scope["type"] == "http" and self.leaving:
            if self.shut:
                await self._refuse(send)
                return
            send = _last(send)
        await self._application(scope, receive, send)

    async def _send_away(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        chosen = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await send({"type": "websocket.close", "code": RESTART_CODE})

    async def _refuse(self, send: Any) -> None:
        headers = [(b"content-length", b"0"), (b"connection", b"close"), (b"retry-after", b"1")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _last(send: Any) -> Any:
    """`send`, for an answer that is its connection's last."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return sending
