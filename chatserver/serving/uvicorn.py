"""uvicorn under gunicorn: uvloop, httptools and websockets, without compression.

What uvicorn lacks is added in `uvicorn_wire`: a handle on each socket's transport, bounds for what a client sends and
for what it does not take. Proxies are believed as `TRUSTED_PROXIES` says, not because they are on this machine.
"""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker as BaseWorker

from chatserver.serving.bounds import MESSAGE_BYTES, PING_SECONDS, PONG_SECONDS
from chatserver.serving.worker import ServingWorker

__all__ = ["UvicornWorker"]

SHUTDOWN_SECONDS = 2
"""For what is still open after our own drain."""


class UvicornWorker(ServingWorker, BaseWorker):  # type: ignore[misc] # untyped
    """`SERVER=uvicorn gunicorn chatserver.asgi:application -c chatserver/serving/gunicorn.conf.py`."""

    # Names, not classes: they are loaded in the worker, as its code is then.
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "chatserver.serving.loops:new_event_loop",
        "http": "chatserver.serving.uvicorn_wire:WireRequests",
        "ws": "chatserver.serving.uvicorn_wire:WireProtocol",
        "ws_max_size": MESSAGE_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": PING_SECONDS,
        "ws_ping_timeout": PONG_SECONDS,
        "interface": "asgi3",
        "lifespan": "on",
        "proxy_headers": False,
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "callback_notify": None,  # the beat is ours
        "limit_max_requests": None,
    }

    async def _serve(self) -> None:
        from chatserver.serving.uvicorn_wire import WireServer

        self.config.app = await self.begin()
        server = WireServer(self.config, self.ready)
        # gunicorn wraps its listening sockets
        await server.serve(sockets=[getattr(held, "sock", held) for held in self.sockets])
        self.finish()
