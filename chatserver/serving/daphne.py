"""Daphne under gunicorn: one event loop per worker process, a handle on each socket's transport, and a drain.

gunicorn holds the listening socket (with a real backlog), respawns a crashed worker and ends a hung one. Daphne neither
limits what it buffers for a slow reader nor says goodbye when it stops; both are done here, on Twisted's and autobahn's
public API.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

import uvloop
from gunicorn.workers.base import Worker

__all__ = ["DaphneWorker"]

BEAT_SECONDS = 1.0
DRAIN_SECONDS = 15.0


class DaphneWorker(Worker):  # type: ignore[misc] # gunicorn is untyped
    """`gunicorn --worker-class chatserver.serving.daphne.DaphneWorker chatserver.asgi:application`."""

    def init_process(self) -> None:
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        # Daphne takes the reactor that is installed when it is first imported: so here, after the fork.
        from twisted.internet import asyncioreactor

        asyncioreactor.install(self.loop)  # type: ignore[no-untyped-call]
        super().init_process()

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.signal(signal.SIGABRT, self.handle_abort)

    def run(self) -> None:
        from chatserver import wiring
        from chatserver.serving.wire_server import WireServer

        self._draining: asyncio.Task[None] | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self.loop.add_signal_handler(number, self.drain)
        self._beat()
        services = self.loop.run_until_complete(wiring.start())
        # After the start, not in it: the first question should not pay for opening the index, nor should readiness.
        warming = self.loop.create_task(services.index.warm(), name="serving: warm the index")
        self.server = WireServer(self.wsgi, self.sockets)
        self.server.run()
        warming.cancel()

    def drain(self) -> None:
        """Stop accepting, ask every socket to reconnect, hand over the answers, then end."""
        self.alive = False
        if self._draining is None:
            self._draining = self.loop.create_task(self._drain(), name="serving: drain")

    async def _drain(self) -> None:
        from chatserver import wiring

        server = getattr(self, "server", None)
        if server is None:
            os._exit(0)  # told to stop while it starts: nothing was accepted yet
        server.stop_listening()
        await wiring.drain()
        await server.quiet(DRAIN_SECONDS)
        await wiring.stop()
        server.stop()

    def _beat(self) -> None:
        """Tell gunicorn that the loop turns; leave when it is gone or enough sockets were served."""
        self.notify()
        server = getattr(self, "server", None)
        orphaned = os.getppid() != self.ppid
        if orphaned or (server is not None and server.served >= self.max_requests):
            self.drain()
        later: Callable[..., Any] = self.loop.call_later
        later(BEAT_SECONDS, self._beat)
