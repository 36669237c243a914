"""Debian's nginx with the project's own configuration, on loopback and in a folder of the test's own."""

from __future__ import annotations

import asyncio
import datetime
import getpass
import os
import shutil
import signal
import socket
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatserver.config import load
from chatserver.serving.nginx import Nginx, render

DEADLINE = 20.0
NAME = "localhost"


def program() -> str:
    """nginx is in no user's PATH on Debian."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, "nginx is missing: make nginx"
    return found


def certificate(folder: Path, name: str = NAME, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate for both, and its key, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ip_address(address))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].touch(0o600)
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


class Proxy:
    """`async with Proxy(folder, upstreams, …) as proxy`: `options` are fields of `chatserver.serving.nginx.Nginx`.

    It answers for https://localhost:`port`; `context` trusts its certificate.
    """

    def __init__(
        self, folder: Path, *upstreams: int, settings: Mapping[str, str] | None = None, prefix: str = "", **options: Any
    ) -> None:
        self.folder = folder
        self._upstreams, self._settings, self._prefix, self._options = upstreams, settings or {}, prefix, options
        self._process: asyncio.subprocess.Process
        self._listeners: list[socket.socket] = []
        self.port = self.http_port = 0
        self.context: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def ws(self) -> str:
        return f"wss://{NAME}:{self.port}{self._prefix}/ws"

    @property
    def log(self) -> str:
        return (self.folder / "access.log").read_text()

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.origin, verify=self.context, trust_env=False, timeout=DEADLINE, headers=headers
        )

    async def __aenter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        public, key = certificate(self.folder)
        self.context = ssl.create_default_context(cafile=public)
        # Held from here on, so that nobody else gets these ports; nginx takes them over as it does in its own upgrades.
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=511) for _ in range(2)]
        for listener in self._listeners:
            listener.setblocking(False)  # a process that loses the race for a connection would wait for the next one
        self.port, self.http_port = (listener.getsockname()[1] for listener in self._listeners)
        options = {
            "certificate": str(public),
            "key": str(key),
            "upstreams": tuple(f"127.0.0.1:{port}" for port in self._upstreams),
            "listen": (f"127.0.0.1:{self.port}",),
            "listen_http": (f"127.0.0.1:{self.http_port}",),
            "access_log": str(self.folder / "access.log"),
            "worker_connections": 1024,
            **self._options,
        }
        settings = load({"PUBLIC_URL": f"{self.origin}{self._prefix}", **self._settings})
        (self.folder / "nginx.conf").write_text(render(settings, Nginx(**options)))
        fds = [listener.fileno() for listener in self._listeners]
        self._process = await asyncio.create_subprocess_exec(
            *self._command("-g", f"daemon off; user {getpass.getuser()};"),
            env={**os.environ, "NGINX": "".join(f"{fd};" for fd in fds)},
            pass_fds=fds,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        for listener in self._listeners:
            listener.close()
        try:
            await self._ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (program(), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *arguments)

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    async def reload(self) -> set[int]:
        """As an operator does; waits until new processes serve, and returns those that were there before."""
        before = self.workers()
        self._process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(DEADLINE):
            while not self.workers() - before:
                await asyncio.sleep(0.02)
        return before

    def quit(self) -> None:
        """Told to end when all is served."""
        self._process.send_signal(signal.SIGQUIT)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE):
            return await self._process.wait()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await self.ended()
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def _ready(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(DEADLINE):
            while self._process.returncode is None:
                try:
                    await client.get(f"http://127.0.0.1:{self.http_port}/nginx-health", timeout=5)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return
        raise RuntimeError("nginx did not start")
