"""Serving processes are replaced one at a time, and each by one that is ready before it leaves.

What the processes of one arbiter know of one another lies in `DATA_DIR/serving/HOST-PID` (PID is the arbiter's):

    123.ready   locked by process 123 from when it serves until it ends; its content is the mark it started under
    turn        locked by the process that is being replaced, until it ends; its content is that process
    mark        who started under another mark is to be replaced (`manage.py roll` writes a new one)

The locks are the kernel's, so a process that is killed holds none. gunicorn has no word for replacing one process, but
it has two for their number: who has the turn asks for one more (SIGTTIN), waits until that one is ready, then for one
less (SIGTTOU), and the arbiter's hook sees to it that this one is the one that goes. Where the new ones cannot start,
all old ones go on serving.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import secrets
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatserver.config import config

__all__ = ["Crew", "Recycling", "child_exit", "nworkers_changed", "on_exit", "on_starting", "resident_bytes"]

SOCKETS_JITTER = 0.2
MEMORY_JITTER = 0.1
SETTLE_SECONDS = 300.0
"""A younger process is not replaced for its memory: were the bound below what any process needs, nothing else would
be done."""


class Recycling:
    """When a process has done enough. Its bounds are its own, a little above those of the settings, so that
    processes which started together are not due together."""

    def __init__(self, sockets: int, memory_mb: int, *, settle: float = SETTLE_SECONDS) -> None:
        """0: no bound."""
        self.sockets = round(sockets * (1 + SOCKETS_JITTER * random.random()))  # noqa: S311 - jitter
        self.memory = round(memory_mb * 1024 * 1024 * (1 + MEMORY_JITTER * random.random()))  # noqa: S311 - jitter
        self._settle = settle

    def reason(self, *, served: int, memory: int, age: float) -> str | None:
        """Why it is to be replaced, if it is. `memory` in bytes, `age` in seconds."""
        if self.sockets and served >= self.sockets:
            return f"it has served {served} sockets"
        if self.memory and memory >= self.memory and age >= self._settle:
            return f"it takes {memory // 1024 // 1024} MB of memory"
        return None


def resident_bytes() -> int:
    """This process's memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


@dataclass(frozen=True)
class Ready:
    """A process that serves, and the mark it started under."""

    pid: int
    mark: str


class Crew:
    """The processes of one arbiter."""

    def __init__(self, arbiter: int, data: Path | None = None) -> None:
        self.arbiter = arbiter
        self.folder = (data or config().data) / "serving" / f"{socket.gethostname()}-{arbiter}"
        self._held: list[int] = []

    @classmethod
    def all(cls, data: Path) -> list[Crew]:
        """Those of this machine that serve."""
        found = [cls(int(folder.name.rpartition("-")[2]), data) for folder in _folders(data)]
        return [crew for crew in found if crew.ready()]

    def create(self) -> None:
        """The arbiter's: begin with an empty folder, and sweep what arbiters left that were killed."""
        for folder in _folders(self.folder.parent.parent):
            arbiter = int(folder.name.rpartition("-")[2])
            if arbiter == self.arbiter or not _runs(arbiter):
                shutil.rmtree(folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- a process of it ---------------------------------------------------------------------------------------------

    def join(self, pid: int, mark: str) -> None:
        """`pid`, which is this process, is ready."""
        # Locked before it has its name: one that is not locked is taken for a dead process's.
        made, name = self.folder / f"{pid}.new", self.folder / f"{pid}.ready"
        self._held.append(_locked(made, mark))
        made.rename(name)

    def take_turn(self) -> bool:
        """Whether this process may be replaced now; it keeps the turn until it ends."""
        try:
            self._held.append(_locked(self.folder / "turn", str(os.getpid()), wait=False))
        except OSError:
            return False
        return True

    # --- anybody -----------------------------------------------------------------------------------------------------

    def ready(self) -> list[Ready]:
        found = []
        for path in self.folder.glob("*.ready"):
            with contextlib.suppress(OSError, ValueError):
                if _is_locked(path):
                    found.append(Ready(int(path.stem), path.read_text()))
        return found

    def leaving(self) -> int:
        """The process that has the turn; 0 for none."""
        path = self.folder / "turn"
        with contextlib.suppress(OSError, ValueError):
            if _is_locked(path):
                return int(path.read_text())
        return 0

    def mark(self) -> str:
        try:
            return (self.folder / "mark").read_text()
        except OSError:
            return ""

    def request(self) -> None:
        """All that run now are to be replaced."""
        made = self.folder / f"mark.{os.getpid()}"
        made.write_text(secrets.token_hex(8))
        made.rename(self.folder / "mark")


# --- the arbiter's hooks, for gunicorn.conf.py -----------------------------------------------------------------------


def on_starting(arbiter: Any) -> None:
    settings = config()
    try:
        Crew(os.getpid(), settings.data).create()
    except OSError as error:
        print(f"Wrong setting: DATA_DIR={settings.data_dir!r} cannot be written ({error.strerror}).", file=sys.stderr)
        sys.exit(2)


def on_exit(arbiter: Any) -> None:
    Crew(os.getpid()).remove()


def nworkers_changed(arbiter: Any, new: int, old: int | None) -> None:
    """When there shall be one less, gunicorn ends the oldest: that is to be the one whose turn it is."""
    if old is not None and new < old and (worker := arbiter.WORKERS.get(Crew(os.getpid()).leaving())):
        worker.age = 0


def child_exit(arbiter: Any, worker: Any) -> None:
    """A process that was killed after it had asked for one more leaves one too many."""
    crew = Crew(os.getpid())
    (crew.folder / f"{worker.pid}.ready").unlink(missing_ok=True)
    if arbiter.num_workers > arbiter.cfg.workers and not crew.leaving():
        arbiter.num_workers = arbiter.cfg.workers


def _folders(data: Path) -> Iterator[Path]:
    host = socket.gethostname()
    for folder in (data / "serving").glob(f"{host}-*"):
        if folder.name.removeprefix(f"{host}-").isdigit():
            yield folder


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _locked(path: Path, content: str, *, wait: bool = True) -> int:
    """A descriptor that holds the lock of `path` as long as it is open. Raises `OSError` when another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        os.truncate(descriptor, 0)
        os.write(descriptor, content.encode())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
