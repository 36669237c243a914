"""How late the event loop is: what blocks it shows here first."""

from __future__ import annotations

import asyncio

from chatserver.metrics.registry import Gauge, Histogram

__all__ = ["LoopLag"]

WINDOW_SECONDS = 15.0

LOOP_LAG = Histogram("chatserver_loop_lag_seconds", "How late the event loop ran a timer.")
WORST = Gauge("chatserver_loop_lag_worst_seconds", "The latest that a timer ran in the last 15 to 30 seconds.")


class LoopLag:
    """Measures how late timers run."""

    def __init__(self, interval: float = 0.1, histogram: Histogram = LOOP_LAG) -> None:
        self._interval = interval
        self._histogram = histogram
        self._handle: asyncio.TimerHandle | None = None
        self._worst, self._before, self._since = 0.0, 0.0, 0.0

    def start(self) -> None:
        WORST.read = lambda: max(self._worst, self._before)
        self._next()

    def stop(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval

        def measure() -> None:
            now = loop.time()
            late = max(0.0, now - due)
            self._histogram.observe(late)
            if now - self._since > WINDOW_SECONDS:
                self._worst, self._before, self._since = 0.0, self._worst, now
            self._worst = max(self._worst, late)
            self._next()

        self._handle = loop.call_at(due, measure)
