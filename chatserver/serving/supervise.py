"""Child processes that run until told to stop: restarted with back-off when they end, ended together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chatserver.processes import end_with_parent

__all__ = ["Child", "Supervisor"]

TICK_SECONDS = 0.2
STOP_SECONDS = 25.0
STEADY_SECONDS = 30.0
"""A child that ran this long is a good one: its next end starts the back-off anew."""
BACKOFF_MAX = 30.0
FAILURES_MAX = 8
"""Quick ends in a row after which a child that others depend on is given up."""


@dataclass
class Child:
    """`essential`: when it cannot be kept running, everything stops. `after` says whether it may start already."""

    name: str
    command: Sequence[str]
    essential: bool = True
    after: Callable[[], bool] = lambda: True
    environ: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float = field(default=0.0)


class Supervisor:
    """`run` returns 0 after SIGINT or SIGTERM, else why it gave up, as an exit code (1: a child, 3: an engine)."""

    def __init__(self, children: Sequence[Child], *, alive: Callable[[], bool] = lambda: True) -> None:
        """`alive` says whether what all children stand on still runs."""
        self._children = children
        self._alive = alive
        # No `threading.Event`: its lock would be waited for by a handler that interrupts who holds it.
        self._stop = False

    def run(self, each_tick: Callable[[], None] = lambda: None) -> int:
        previous = {number: signal.signal(number, self._told) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return self._watch(each_tick)
        finally:
            self._end()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: object) -> None:
        if self._stop:  # asked twice: at once
            for child in self._children:
                if child.process is not None and child.process.poll() is None:
                    child.process.kill()
        self._stop = True

    def _watch(self, each_tick: Callable[[], None]) -> int:
        while not self._stop:
            if not self._alive():
                _say("PostgreSQL or Redis ended; stopping. Their logs are in DATA_DIR.")
                return 3
            now = time.monotonic()
            for child in self._children:
                if child.process is None:
                    if now >= child.restart_at and child.after():
                        self._start(child, now)
                elif child.process.poll() is not None and not self._ended(child, now):
                    return 1
            each_tick()
            time.sleep(TICK_SECONDS)
        return 0

    def _start(self, child: Child, now: float) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - our own commands
            child.command,
            stdin=subprocess.DEVNULL,
            env=child.environ,
            start_new_session=True,  # a Ctrl-C of the terminal is ours to hand on
            preexec_fn=lambda: end_with_parent(signal.SIGTERM),
        )
        child.started = now

    def _ended(self, child: Child, now: float) -> bool:
        """Plan the restart; False when an essential child is given up."""
        assert child.process is not None
        code, child.process = child.process.returncode, None
        child.failures = 1 if now - child.started >= STEADY_SECONDS else child.failures + 1
        wait = min(BACKOFF_MAX, 0.5 * 2 ** (child.failures - 1))
        child.restart_at = now + wait
        if child.essential and child.failures >= FAILURES_MAX:
            _say(f"{child.name} ended {child.failures} times in a row (exit code {code}); giving up.")
            return False
        _say(f"{child.name} ended with exit code {code}; starting it again in {wait:g} s.")
        return True

    def _end(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
