"""A Redis of a test's own, to be flushed, stopped and started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from chatserver.serving.embedded import redis_binary


class OwnRedis:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "redis.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._path}"

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            [
                *(redis_binary(self._folder), "--port", "0", "--unixsocket", str(self._path)),
                *("--dir", str(self._folder), "--save", "", "--appendonly", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        client = redis.Redis(unix_socket_path=str(self._path))
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert self._process.poll() is None, "Redis did not start"
        client.close()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._path.unlink(missing_ok=True)
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
