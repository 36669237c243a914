"""The real server in processes of its own: gunicorn as an operator would start it, on a port that the system chose."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0
STOP_SECONDS = 30.0


SERVERS = ("daphne", "uvicorn")


class Server:
    """`async with Server(environ) as server` waits until it is ready, and ends it. `log` is what it printed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        workers: int = 1,
        server: str = "",
        alone: Sequence[str] = (),
        root: Path = ROOT,
    ) -> None:
        """`server`: one of `SERVERS`, else that of the environment, else the default. `alone`: the module and arguments
        of a server that is run without gunicorn, where `PORT` stands for the port. `root`: where the code is."""
        self._alone, self._root = alone, root
        self._environ = os.environ | environ | ({"SERVER": server} if server else {})
        self._workers = workers
        self._process: asyncio.subprocess.Process
        self._reader: asyncio.Task[None]
        self._lines: list[str] = []
        self.port = 0

    @property
    def pid(self) -> int:
        """Of gunicorn's arbiter; also the id of the process group."""
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The processes that serve, or start to."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def log(self) -> str:
        return "".join(self._lines)

    async def __aenter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            self.port = listener.getsockname()[1]
            command = [
                *("gunicorn", "chatserver.asgi:application", "-c", "chatserver/serving/gunicorn.conf.py"),
                *("--workers", str(self._workers), "--bind", f"fd://{listener.fileno()}"),
            ]
            if self._alone:
                listener.close()
                command = [str(self.port) if part == "PORT" else part for part in self._alone]
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *command),
                cwd=self._root,
                env=self._environ,
                pass_fds=() if self._alone else (listener.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # so that `kill` reaches the workers too
            )
        self._reader = asyncio.create_task(self._read())
        try:
            await self.ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is not None:
            print(f"--- server on port {self.port}\n{self.log}")

    async def stop(self) -> int:
        """As `systemctl stop` does; returns the exit code."""
        if self._process.returncode is None:
            self._process.terminate()
        return await self._gone()

    async def kill(self) -> None:
        """`kill -9` of the worker and of what would restart it, at one moment."""
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._gone()

    def terminate(self) -> None:
        self._process.terminate()

    async def _gone(self) -> int:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            code = await self._process.wait()
        await self._reader
        return code

    async def ready(self) -> None:
        """Wait until it answers."""
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(START_SECONDS):
            while True:
                if self._process.returncode is not None:
                    raise RuntimeError(f"the server did not start:\n{self.log}")
                try:
                    if (await client.get(f"{self.http}/healthz", timeout=5)).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._lines.append(line.decode(errors="replace"))
