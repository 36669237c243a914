"""Daphne under gunicorn: one event loop per worker process, a handle on each socket's transport, and a drain.

Daphne neither limits what it buffers for a slow reader nor says goodbye when it stops; both are done here and in
`wire_server`, on Twisted's and autobahn's public API.
"""

from __future__ import annotations

import asyncio

from chatserver.serving.loops import new_event_loop
from chatserver.serving.worker import ServingWorker

__all__ = ["DaphneWorker"]


class DaphneWorker(ServingWorker):
    """`gunicorn chatserver.asgi:application -c chatserver/serving/gunicorn.conf.py`."""

    def init_process(self) -> None:
        self.loop = new_event_loop()
        asyncio.set_event_loop(self.loop)
        # Daphne takes the reactor that is installed when it is first imported: so here, after the fork.
        from twisted.internet import asyncioreactor

        asyncioreactor.install(self.loop)  # type: ignore[no-untyped-call]
        super().init_process()

    def run(self) -> None:
        from chatserver.serving.wire_server import WireServer

        door = self.loop.run_until_complete(self.begin())
        WireServer(door, self.sockets, self.ready).run()
        self.finish()
