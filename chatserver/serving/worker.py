"""What a gunicorn worker does besides carrying bytes, the same for both servers: start the services, tell that its loop
turns, be replaced when it has done enough, and leave without losing anything.

gunicorn holds the listening socket (with a real backlog), starts a crashed worker again and ends a hung one.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from gunicorn.workers.base import Worker

from chatserver.serving import rolling

if TYPE_CHECKING:
    from chatserver.serving.door import Door

__all__ = ["Carrier", "ServingWorker"]

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
DRAIN_SECONDS = 15.0
LEAVE_SECONDS = 19.0
"""For all of leaving: less than gunicorn's graceful timeout, which does not count when one worker is replaced."""
PAUSE_SECONDS = 5.0
"""Before a worker that cannot start ends: gunicorn starts the next one at once."""


class Carrier(Protocol):
    """The server inside a worker."""

    def stop_listening(self) -> None: ...

    async def quiet(self, seconds: float) -> None:
        """Wait until all connections are done, at most `seconds`; sockets that have not said hello are closed."""

    def stop(self) -> None:
        """End `run`."""


class ServingWorker(Worker):  # type: ignore[misc] # gunicorn is untyped
    """A subclass runs the loop: it awaits `begin`, serves `door` with a `Carrier`, and calls `ready` once it does."""

    def init_process(self) -> None:
        self._started = time.monotonic()
        self._draining: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._carrier: Carrier | None = None
        # Without our hooks in the arbiter nobody would see to it that the right one goes.
        hooked = self.cfg.nworkers_changed is rolling.nworkers_changed
        self._crew = rolling.Crew(self.ppid) if hooked else None
        # Read before the code: who starts under a mark has code at least as new as the mark.
        self._mark = self._crew.mark() if self._crew else ""
        _forget_code()
        super().init_process()

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.siginterrupt(signal.SIGUSR1, False)
        signal.signal(signal.SIGABRT, self.handle_abort)

    def load_wsgi(self) -> None:
        gc.disable()  # until all is loaded: none of it is garbage, and looking for some takes its time
        try:
            super().load_wsgi()
        except Exception:
            if self.age <= self.cfg.workers:
                raise  # the server's first start: gunicorn says why, and ends
            # Its exit code would end gunicorn, and with it the workers that do serve.
            self.log.exception("The application cannot be loaded")
            time.sleep(PAUSE_SECONDS)
            sys.exit(1)

    async def begin(self) -> Door:
        """Start the services. Returns the application that is to be served."""
        from chatserver import wiring
        from chatserver.serving.door import Door

        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self._loop.add_signal_handler(number, self.drain)
        self._beat()
        try:
            services = await wiring.start()
        except Exception:
            self.log.exception("The services cannot be started")
            await asyncio.sleep(PAUSE_SECONDS)
            sys.exit(1)
        gc.enable()
        # After the start, not in it: the first question should not pay for opening the index, nor should readiness.
        self._start(services.index.warm(), "warm the index")
        self.door = Door(self.wsgi)
        return self.door

    def ready(self, carrier: Carrier) -> None:
        """It listens now."""
        self._carrier = carrier
        if self._crew is not None:
            self._start(self._serve_and_be_replaced(self._crew), "be replaced")

    def finish(self) -> None:
        """The loop is about to end."""
        for task in self._tasks:
            task.cancel()

    def drain(self) -> None:
        """Stop accepting, ask every socket to reconnect, hand over the answers, then end."""
        self.alive = False
        if self._draining is None:
            self._draining = self._loop.create_task(self._drain(), name="serving: drain")

    async def _drain(self) -> None:
        from chatserver import wiring

        carrier = self._carrier
        if carrier is None:
            os._exit(0)  # told to stop while it starts: nothing was accepted yet
        log.info("process %d leaves", self.pid)
        self._later(LEAVE_SECONDS, os._exit, 0)
        self.door.leaving = True
        carrier.stop_listening()
        await wiring.drain()
        await carrier.quiet(DRAIN_SECONDS)
        self.door.shut = True
        await wiring.stop()
        log.info("process %d has left", self.pid)
        carrier.stop()

    def _beat(self) -> None:
        """Tell gunicorn that the loop turns; leave when it is gone."""
        self.notify()
        if os.getppid() != self.ppid:
            self.drain()
        self._later(BEAT_SECONDS, self._beat)

    async def _serve_and_be_replaced(self, crew: rolling.Crew) -> None:
        from chatserver.config import config

        settings = config()
        recycling = rolling.Recycling(settings.recycle_sockets, settings.recycle_memory_mb)

        def due() -> str | None:
            if crew.mark() != self._mark:
                return "all are replaced"
            age = time.monotonic() - self._started
            return recycling.reason(served=self.door.served, memory=rolling.resident_bytes(), age=age)

        def succeeded() -> bool:
            return len(crew.ready()) > int(self.cfg.workers)

        try:
            await asyncio.to_thread(crew.join, self.pid, self._mark)
            reason = await _until(due)
            await _until(crew.take_turn)
            log.info("process %d is to be replaced: %s", self.pid, reason)
            if not await asyncio.to_thread(succeeded):
                os.kill(self.ppid, signal.SIGTTIN)
                await _until(succeeded)
        except OSError as error:
            log.warning("process %d will not be replaced: %s", self.pid, error)
            return
        os.kill(self.ppid, signal.SIGTTOU)

    def handle_abort(self, number: int, frame: Any) -> None:
        """gunicorn has not heard of the loop for too long; what it does instead is worth knowing."""
        self.log.critical("Worker %d hangs:\n%s", self.pid, "".join(traceback.format_stack(frame)))
        os._exit(1)

    def _start(self, work: Any, name: str) -> None:
        self._tasks.append(self._loop.create_task(work, name=f"serving: {name}"))

    def _later(self, seconds: float, call: Callable[..., Any], *arguments: Any) -> None:
        self._loop.call_later(seconds, call, *arguments)


async def _until[T](look: Callable[[], T]) -> T:
    """What `look`, which may block, returns once it is true."""
    while True:
        if found := await asyncio.to_thread(look):
            return found
        await asyncio.sleep(BEAT_SECONDS)


def _forget_code() -> None:
    """The arbiter has loaded some of our modules, perhaps long ago: this process loads them as they are now, all but
    the worker classes themselves and what they stand on."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("chatserver", "consumers")]:
        del sys.modules[name]
