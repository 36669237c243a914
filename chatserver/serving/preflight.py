"""What must be right before the server's processes start: told in one line here, not in a traceback of each of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys

import redis

from chatserver.config import BASE_DIR, Config, config
from chatserver.errors import ConfigError, EngineMissing
from chatserver.processes import end_with_parent
from chatserver.providers.detect import choose_embedder

__all__ = ["check_embedder", "check_redis", "free_port", "free_port_after"]

REDIS_SECONDS = 5.0
NEIGHBOURS = 20
MODULE = "chatserver.serving.preflight"


def free_port(host: str, port: int) -> int:
    """`port`, or any that is free for 0. Raises `OSError` when it cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def free_port_after(host: str, port: int) -> int:
    """The next port that is free, or any that is when the next ones are all taken."""
    for candidate in range(port + 1, min(port + 1 + NEIGHBOURS, 65536)):
        with contextlib.suppress(OSError):
            return free_port(host, candidate)
    return free_port(host, 0)


def check_redis(settings: Config) -> None:
    """Raises `EngineMissing` when one of the hosts does not answer."""
    for url in settings.redis_url.split(","):
        try:
            with redis.Redis.from_url(
                url.strip(), socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
            ) as client:
                client.ping()
        except (redis.RedisError, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise EngineMissing(f"Redis does not answer: {reason}. Check REDIS_URL.") from None
        except ValueError as error:
            raise ConfigError(f"REDIS_URL is not understood: {error}.") from None


def check_embedder(settings: Config) -> None:
    """Load a model that runs in this server once, which also fetches one from a hub before several processes would.

    In a process of its own, since the libraries leave threads behind. Raises `ConfigError` with what it said.
    """
    if not settings.embed_model or settings.embed_base_url:
        return
    child = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", MODULE],
        cwd=BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # its last words; a download shows its progress on stderr
        text=True,
        env=os.environ,
        preexec_fn=lambda: end_with_parent(signal.SIGTERM),
    )
    if child.returncode:
        said = child.stdout.strip().splitlines()
        raise ConfigError(said[-1] if said else f"EMBED_MODEL={settings.embed_model!r} cannot be loaded.")


if __name__ == "__main__":
    try:
        choose_embedder(config())
    except ConfigError as error:
        print(error)
        sys.exit(1)
