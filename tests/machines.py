"""Machines on this machine: network namespaces on two networks, whose cables can be pulled.

    front: client - edge - one - two        back: one - two - data

Everything is in namespaces of this run's own and is gone with them; no address of the machine itself is used.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.server import ROOT

FRONT, BACK = "front", "back"
NETWORKS: Mapping[str, Mapping[str, str]] = {
    FRONT: {"client": "10.77.1.1", "edge": "10.77.1.2", "one": "10.77.1.11", "two": "10.77.1.12"},
    BACK: {"one": "10.77.2.11", "two": "10.77.2.12", "data": "10.77.2.20"},
}
SWITCH = "switch"
STOP_SECONDS = 20.0

type Cut = Literal["unplugged", "silent"]
"""`unplugged`: the cable has no carrier. `silent`: all looks well and nothing arrives."""


def what_is_missing() -> str:
    """Why machines cannot be made here; empty when they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "bridge", "nsenter", "setpriv") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)} (iproute2, util-linux)" if missing else ""


class Machines:
    """`with Machines() as machines` makes them; processes run on them with `start`."""

    def __init__(self) -> None:
        self._run = f"chat-{secrets.token_hex(3)}"
        self._names = [SWITCH, *dict.fromkeys(name for network in NETWORKS.values() for name in network)]
        self._processes: list[tuple[str, asyncio.subprocess.Process]] = []

    def __enter__(self) -> Self:
        if missing := what_is_missing():
            raise RuntimeError(f"no machines can be made: {missing}")
        try:
            for name in self._names:
                _ip("netns", "add", self._namespace(name))
                self._on(name, "link", "set", "lo", "up")
            for network, addresses in NETWORKS.items():
                self._on(SWITCH, "link", "add", network, "up", "type", "bridge", "forward_delay", "0")
                for name, address in addresses.items():
                    port = _port(name, network)
                    peer = ("name", network, "netns", self._namespace(name))
                    self._on(SWITCH, "link", "add", port, "type", "veth", "peer", *peer)
                    self._on(SWITCH, "link", "set", port, "up", "master", network)
                    self._on(name, "addr", "add", f"{address}/24", "dev", network)
                    self._on(name, "link", "set", network, "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            subprocess.run(["ip", "netns", "del", self._namespace(name)], capture_output=True)

    # --- cables ------------------------------------------------------------------------------------------------------

    def cut(self, name: str, *networks: str, how: Cut) -> None:
        for network in networks:
            if how == "unplugged":
                self._on(SWITCH, "link", "set", _port(name, network), "down")
            else:
                self._forwarding(name, network, "0")

    def heal(self, name: str, *networks: str, how: Cut) -> None:
        for network in networks:
            if how == "unplugged":
                self._on(SWITCH, "link", "set", _port(name, network), "up")
            else:
                self._forwarding(name, network, "3")

    def _forwarding(self, name: str, network: str, state: str) -> None:
        port = _port(name, network)
        _command("bridge", "-n", self._namespace(SWITCH), "link", "set", "dev", port, "state", state)

    # --- what runs on them -------------------------------------------------------------------------------------------

    def inside[T](self, name: str, work: Callable[[], T]) -> T:
        """The result of `work` in a thread that is on machine `name`: sockets made there stay there."""

        def moved() -> T:
            with open(f"/run/netns/{self._namespace(name)}") as namespace:
                os.setns(namespace.fileno(), os.CLONE_NEWNET)
            return work()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(moved).result()

    async def connection(self, name: str, address: str, port: int) -> socket.socket:
        """A TCP connection from machine `name`. Raises `OSError`, `TimeoutError`."""
        sock = self.inside(name, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        try:
            async with asyncio.timeout(5):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except BaseException:
            sock.close()
            raise
        return sock

    async def get(self, name: str, address: str, port: int, path: str) -> tuple[int, str]:
        """Status and body of a page, asked for on machine `name`; (0, …) when nothing comes."""
        try:
            sock = await self.connection(name, address, port)
            reader, writer = await asyncio.open_connection(sock=sock)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                async with asyncio.timeout(5):
                    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
            finally:
                writer.transport.abort()
            return int(head.split(" ", 2)[1]), body
        except (OSError, TimeoutError, IndexError) as error:
            return 0, repr(error)

    async def start(
        self, name: str, *command: str | Path, log: Path, user: str = "", environ: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Run a command on machine `name`, as `user`; it leads a process group, and `stop` ends it."""
        drop = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--") if user else ()
        with log.open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                *("nsenter", f"--net=/run/netns/{self._namespace(name)}", "--", *drop, *map(str, command)),
                cwd="/" if user else ROOT,
                env=os.environ | (environ or {}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self._processes.append((name, process))
        return process

    async def stop(self) -> None:
        """End all processes, those with the data last."""
        running, self._processes = self._processes, []
        for last in (False, True):
            await asyncio.gather(*(_end(process) for name, process in running if (name == "data") is last))

    def _namespace(self, name: str) -> str:
        return f"{self._run}-{name}"

    def _on(self, name: str, *arguments: str) -> None:
        _ip("-n", self._namespace(name), *arguments)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _port(name: str, network: str) -> str:
    return f"{name}-{network}"


def _ip(*arguments: str) -> None:
    _command("ip", *arguments)


def _command(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip()}. Network namespaces are needed here.")
