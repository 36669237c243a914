"""The programs of a production, each in a process of its own with its log in a file."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.server import ROOT

STOP_SECONDS = 60.0

__all__ = ["Program", "run"]


class Program:
    """Runs until it is told to stop. Whatever it started belongs to its process group."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command, self._environ, self._log = command, environ, log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=ROOT,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self) -> int:
        """As an init system does: SIGTERM, and its exit code. Raises `AssertionError` when it leaves processes."""
        assert self._process is not None
        group = self._process.pid
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            os.killpg(group, signal.SIGKILL)
            await self._process.wait()
            raise AssertionError(f"{self.name} did not stop within {STOP_SECONDS:g} s:\n{self.log}") from None
        left = members(group)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"{self.name} left processes: {left}"
        return code

    def kill(self) -> None:
        """Whatever state it is in, nothing of it stays."""
        if self._process is not None:
            for pid in members(self._process.pid):
                os.kill(pid, signal.SIGKILL)


def members(group: int) -> dict[int, str]:
    """The living processes of a process group, with what they run (proc(5): the third field of `stat` is the state,
    the fifth the group)."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # gone meanwhile
    return found


async def run(*command: str, environ: Mapping[str, str]) -> str:
    """Run a command to its end. Raises `AssertionError` with what it said when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    assert process.returncode == 0, f"{' '.join(command)} failed ({process.returncode}):\n{text}"
    return text
