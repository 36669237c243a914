"""PostgreSQL's own programs for backups: pg_dump, pg_restore and psql, of a version that fits the server.

They get the password in their environment, never in their arguments, which everybody on the machine can read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.db.backends.postgresql.client import DatabaseClient

from chatserver.serving.archive import BLOCK, BackupError
from chatserver.serving.embedded import postgres_folders

__all__ = ["Tools", "find_tools"]

NAMES = ("pg_dump", "pg_restore", "psql")
TIMEOUT_SINCE = 17
"""PostgreSQL's first version with `transaction_timeout`, which newer programs set for older servers, too."""


class Tools:
    """The programs in `folder`, of major version `major`, for the database of Django's `settings`."""

    def __init__(self, folder: Path, major: int, settings: dict[str, Any]) -> None:
        self.major = major
        self._folder = folder
        # Django's own way to tell psql of a database.
        (_, *self._where), environ = DatabaseClient.settings_to_cmd_args_env(settings, [])
        self._environ = {**os.environ, **(environ or {}), "PGAPPNAME": "chatserver backup", "LC_ALL": "C"}

    def dump(self, snapshot: str) -> Iterator[bytes]:
        """The whole database as pg_dump's custom format, as `snapshot` sees it. Raises `BackupError`."""
        command = [
            *(self._program("pg_dump"), "--format=custom", f"--snapshot={snapshot}", "--lock-wait-timeout=60s"),
            *("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-tablespaces"),
            *("--no-password", *self._where),
        ]
        with tempfile.TemporaryFile() as said, self._start(command, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout is not None
            try:
                while chunk := process.stdout.read(BLOCK):
                    yield chunk
            except BaseException:
                process.kill()
                raise
            if process.wait():
                raise BackupError(f"pg_dump failed: {_reason(said)}")

    def load(self, dump: Iterable[bytes], before: str, after: str, server: int) -> None:
        """In one transaction: the statements `before`, what `dump` holds, the statements `after`.

        Whatever ends it early - an error, a lost connection, the death of this process - changes nothing. Raises
        `BackupError`.
        """
        unpack = [self._program("pg_restore"), "--no-owner", "--no-privileges", "--file=-"]
        run = [
            *(self._program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"),
            *("--set=VERBOSITY=terse", *self._where),
        ]
        with (
            tempfile.TemporaryFile() as unpack_said,
            tempfile.TemporaryFile() as run_said,
            self._start(unpack, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=unpack_said) as unpacking,
            self._start(run, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=run_said) as running,
        ):
            assert unpacking.stdin is not None
            assert unpacking.stdout is not None
            assert running.stdin is not None
            feeder = threading.Thread(target=_feed, args=(dump, unpacking.stdin), daemon=True)
            try:
                feeder.start()
                with suppress(BrokenPipeError):  # psql says why
                    running.stdin.write(f"BEGIN;\n{before}\n".encode())
                    for chunk in _statements(unpacking.stdout, server):
                        running.stdin.write(chunk)
                    # Only all of it may be committed; without this line nothing is.
                    if unpacking.wait() == 0:
                        running.stdin.write(f"\n{after}\nCOMMIT;\n".encode())
            except BaseException:
                running.kill()
                raise
            finally:
                unpacking.kill()  # where psql has ended early
                feeder.join()
                with suppress(BrokenPipeError):
                    running.stdin.close()
            if running.wait():
                raise BackupError(f"the database refused it: {_reason(run_said)}")
            if unpacking.returncode:
                raise BackupError(f"pg_restore failed: {_reason(unpack_said)}")

    def _program(self, name: str) -> str:
        return str(self._folder / name)

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=self._environ, **options)  # noqa: S603


def find_tools(at_least: int, settings: dict[str, Any]) -> Tools:
    """The oldest ones that know PostgreSQL `at_least`: programs older than the server refuse. Raises `BackupError`."""
    found = {version: folder for folder in reversed(_folders()) if (version := _major(folder))}
    fitting = sorted(version for version in found if version >= at_least)
    if not fitting:
        there = f"there are those of {', '.join(map(str, sorted(found)))}" if found else "there are none"
        raise BackupError(
            f"it takes pg_dump, pg_restore and psql of PostgreSQL {at_least} or newer, and {there}: install its client "
            f"programs (apt-get install postgresql-client-{at_least}) and put them on PATH."
        )
    return Tools(found[fitting[0]], fitting[0], settings)


def _folders() -> list[Path]:
    """Where to look, the best first."""
    on_path = [Path(found).parent] if (found := shutil.which("pg_dump")) else []
    return on_path + sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) + postgres_folders()


def _major(folder: Path) -> int:
    """0: they are not all there."""
    if not all(os.access(folder / name, os.X_OK) for name in NAMES):
        return 0
    said = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, timeout=10)  # noqa: S603
    version = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(version[1]) if version else 0


def _statements(output: IO[bytes], server: int) -> Iterator[bytes]:
    first = output.read(BLOCK)
    if server < TIMEOUT_SINCE:
        first = first.replace(b"\nSET transaction_timeout = 0;\n", b"\n", 1)
    yield first
    while chunk := output.read(BLOCK):
        yield chunk


def _feed(chunks: Iterable[bytes], pipe: IO[bytes]) -> None:
    with suppress(OSError), pipe:  # pg_restore says that something is missing
        for chunk in chunks:
            pipe.write(chunk)


def _reason(said: IO[bytes]) -> str:
    """The first line that tells of an error."""
    said.seek(0)
    lines = said.read(BLOCK).decode(errors="replace").strip().splitlines() or ["it did not say why"]
    line = next((line for line in lines if "error" in line.lower() or "fatal" in line.lower()), lines[0])
    return re.sub(r"^(pg_dump|pg_restore|psql)(:<stdin>:\d+)?: ", "", line).strip()
