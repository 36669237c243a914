"""Where all processes that share a DATA_DIR put what they measured, so that any of them can show it all.

Each process holds a place with a name that lasts, such as `web-0`, and rewrites one small file there every two seconds.
Whoever starts takes the first place that is free and goes on counting from where its predecessor was: no counter ever
falls, no series is added by a restart, and what a killed process counted is not lost but for its last two seconds.
Files, not Redis, since metrics are looked at most when Redis is away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from chatserver.metrics import process as _process  # noqa: F401 - what every process shows
from chatserver.metrics.registry import REGISTRY, Family, Registry, render

__all__ = ["Board", "Role", "Sheet", "read"]

log = logging.getLogger(__name__)

WRITE_SECONDS = 2.0
LIVE_SECONDS = 15.0
"""A process that wrote nothing for so long shows no gauges any more: it hangs or is gone."""
KEEP_SECONDS = 3600.0
"""So long the counters of a process without successor are still shown."""
SHEETS_MAX = 512
SHEET_BYTES = 1024 * 1024

type Role = Literal["web", "answers", "documents"]


class Sheet(Struct):
    """What one process measured. `at`: Unix time; `ended`: it went in good order; `address`: where it serves HTTP."""

    host: str
    process: str
    at: float
    families: list[Family]
    ended: bool = False
    address: str = ""

    def live(self, now: float) -> bool:
        return not self.ended and now - self.at <= LIVE_SECONDS


_decoder = msgspec.json.Decoder(Sheet)


class Board:
    """One process's place. `open` before anything else, `close` at the end; both touch the disk. Never raises for a
    disk that fails: then this process's metrics are its own."""

    def __init__(self, folder: Path, role: Role, *, address: str = "", registry: Registry = REGISTRY) -> None:
        self.host = re.sub(r"[^\w.-]", "_", socket.gethostname())[:64]
        self.process = f"{role}-{os.getpid()}"
        self._folder, self._role, self._address, self._registry = folder, role, address, registry
        self._place: int | None = None
        self._writing = threading.Lock()
        self._at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the place ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take the first free place, and go on from the counters that are found there."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            _forget(self._folder)
            self._take()
        except OSError as error:
            log.warning("metrics: only this process's own are shown, %s cannot be written (%s)", self._folder, error)
            return
        if not self._registry.continued and (earlier := _load(self._path)) and time.time() - earlier.at < KEEP_SECONDS:
            self._registry.add_up(earlier.families)
        self._registry.continued = True  # once: what a second board of this process finds, it wrote itself

    def close(self) -> None:
        """Leave the place with the last counts in it."""
        self._stopped.set()
        if self._thread:
            self._thread.join(WRITE_SECONDS)
        self._write(self._sheet(ended=True))
        if self._place is not None:
            os.close(self._place)
            self._place = None

    def _take(self) -> None:
        if sys.platform == "win32":
            return  # nothing tells whether a place is free: the id of the process names it
        for number in range(SHEETS_MAX):
            self.process = f"{self._role}-{number}"
            if (place := _lock(self._path.with_suffix(".lock"))) is not None:
                self._place = place
                return
        raise OSError(f"all {SHEETS_MAX} places are taken")

    @property
    def _path(self) -> Path:
        return self._folder / f"{self.host}~{self.process}.json"

    # --- writing -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Write again and again, as a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name="metrics: write")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait((self._task,))
        await asyncio.to_thread(self.close)

    def start_thread(self) -> None:
        """The same without a loop."""
        self._thread = threading.Thread(target=self._run_thread, name="metrics", daemon=True)
        self._thread.start()

    async def page(self, more: Sequence[Family] = ()) -> str:
        """The body of `GET /metrics`: all processes, this one as it is now; `more` is of no single process."""
        mine = self._sheet()
        return await asyncio.to_thread(self._page, mine, more)

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self._write, self._sheet())
            await asyncio.sleep(WRITE_SECONDS)

    def _run_thread(self) -> None:
        while not self._stopped.wait(WRITE_SECONDS):
            self._write(self._sheet())

    def _sheet(self, *, ended: bool = False) -> Sheet:
        families = self._registry.families()
        return Sheet(self.host, self.process, time.time(), families, ended, self._address)

    def _write(self, sheet: Sheet) -> None:
        data = msgspec.json.encode(sheet)
        with self._writing:
            if sheet.at < self._at:
                return  # another thread was faster with a later one
            self._at = sheet.at
            if self._place is None and sys.platform != "win32":
                return
            path = self._path
            fresh = path.with_suffix(".new")
            try:
                with open(os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                    file.write(data)
                fresh.replace(path)
            except OSError as error:
                log.debug("metrics: %s cannot be written: %s", path, error)

    def _page(self, mine: Sheet, more: Sequence[Family]) -> str:
        self._write(mine)
        here = (mine.host, mine.process)
        sheets = [mine, *(sheet for sheet in read(self._folder) if (sheet.host, sheet.process) != here)]
        return render([({}, more), *_groups(sheets, time.time())])


def read(folder: Path) -> list[Sheet]:
    """What all processes wrote, as far as it is not too old; the latest first, at most `SHEETS_MAX`."""
    now = time.time()
    found = (sheet for path in folder.glob("*.json") if (sheet := _load(path)) and now - sheet.at < KEEP_SECONDS)
    return sorted(found, key=lambda sheet: -sheet.at)[:SHEETS_MAX]


def _groups(sheets: Iterable[Sheet], now: float) -> Iterable[tuple[dict[str, str], list[Family]]]:
    for sheet in sheets:
        labels = {"host": sheet.host, "process": sheet.process}
        live = sheet.live(now)
        yield labels, [family for family in sheet.families if live or family.kind != "gauge"]
        if not sheet.ended:
            age = {"": round(max(0.0, now - sheet.at), 3)}
            text = "How old what is shown of the process is; more than a few seconds: it hangs, or was killed."
            yield labels, [Family("chatserver_snapshot_age_seconds", "gauge", text, "", age)]


def _load(path: Path) -> Sheet | None:
    try:
        if path.stat().st_size > SHEET_BYTES:
            return None
        return _decoder.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _lock(path: Path) -> int | None:
    """Hold `path` until the descriptor is closed, which the kernel does for whoever dies; None: somebody else does."""
    import fcntl

    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:
            pass  # it was tidied away while we waited for it
        except BlockingIOError:
            os.close(file)
            return None
        os.close(file)


def _forget(folder: Path) -> None:
    """Delete what nobody wrote for long."""
    for path in folder.glob("*.json"):
        if time.time() - path.stat().st_mtime < KEEP_SECONDS:
            continue
        if sys.platform == "win32":
            path.unlink(missing_ok=True)
        elif (place := _lock(path.with_suffix(".lock"))) is not None:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
            os.close(place)
