"""`manage.py` as an operator runs it: in processes of its own, with an environment that is wholly given."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.server import ROOT

DEADLINE = 180.0
"""A first start makes a database and reads all documents of the demo, perhaps beside other tests."""
MARK = "CHATSERVER_TEST_RUN"


def environment(**settings: str) -> dict[str, str]:
    """This machine's, without the settings that tests are run with."""
    ours = ("DATABASE_URL", "REDIS_URL", "DATA_DIR", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if name not in ours} | settings


def manage(*arguments: str | Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


class Serve:
    """`async with Serve(environ) as serve` waits for a line on stdout, `Ready` unless told otherwise.

    All processes that come of it are known by a mark in their environment, which they inherit whatever session or user
    they choose, or (Redis overwrites its own) by the data directory in their title.
    """

    def __init__(
        self, environ: Mapping[str, str], *options: str, until: str = r"Ready: (?P<address>http://\S+)"
    ) -> None:
        self._until = until
        self._mark = os.urandom(8).hex()
        self._environ = {**environ, MARK: self._mark}
        self._options = options
        self._changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process
        self._readers: list[asyncio.Task[None]] = []
        self.out: list[str] = []
        self.err: list[str] = []
        self.address = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "manage.py", "serve", *self._options),
            cwd=ROOT,
            env=self._environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # so that its process group is what a terminal would interrupt
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout, self.out)),
            asyncio.create_task(self._read(self._process.stderr, self.err)),
        ]
        try:
            line = await self.line(self._until)
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        self.address = line.groupdict().get("address", "")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        for pid in self.processes() if error is not None else ():
            os.kill(pid, signal.SIGKILL)
        await self.ended()
        if error is not None:
            print("--- stdout\n", *self.out, "--- stderr\n", *self.err, sep="")

    async def line(self, pattern: str) -> re.Match[str]:
        """Wait for a line on stdout."""
        found: re.Match[str] | None = None

        def there() -> bool:
            nonlocal found
            found = re.search(pattern, "".join(self.out))
            return found is not None or all(reader.done() for reader in self._readers)

        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(there)
        if found is None:
            raise AssertionError(f"it ended without {pattern!r}")
        return found

    async def ended(self) -> int:
        """Wait for its end and for that of all it started; returns its exit code."""
        async with asyncio.timeout(DEADLINE):
            code = await self._process.wait()
            await asyncio.gather(*self._readers)  # the pipes close when the last process that holds them is gone
            while self.processes():
                await asyncio.sleep(0.1)
        return code

    def processes(self) -> dict[int, str]:
        """Ids and command lines of all that run on behalf of this `serve`, it included."""
        found: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                marked = f"{MARK}={self._mark}".encode() in (folder / "environ").read_bytes()
                if marked or self._environ["DATA_DIR"] in command:
                    found[int(folder.name)] = command
            except OSError:
                continue  # gone meanwhile, or a zombie
        return found

    def children(self, wanted: Callable[[str], bool]) -> list[int]:
        return [pid for pid, command in self.processes().items() if wanted(command)]

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        async for line in stream:
            lines.append(line.decode(errors="replace"))
            async with self._changed:
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()
