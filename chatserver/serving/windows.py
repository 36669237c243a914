"""What `start_asgi_dev.bat` and `start_asgi.bat` do on Windows, where gunicorn, uvloop and our engines do not exist.

One web process, a background worker and its clock, on a PostgreSQL and a Redis that are named by URL. The batch files
only find Python, fill `.venv` and call this module. It uses nothing that only Unix has; its rules are plain functions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatserver.config import Config

__all__ = ["Plan", "check_python", "main", "missing_engines", "plan"]

PYTHON = (3, 13)
TICK_SECONDS = 0.2
STOP_SECONDS = 10.0
UVICORN_WIRE = "chatserver.serving.uvicorn_wire"


@dataclass(frozen=True)
class Plan:
    """Commands after `python -m`. `first` run to their end, one after the other; then `running` side by side."""

    first: tuple[tuple[str, ...], ...]
    running: tuple[tuple[str, ...], ...]


def check_python(version: Sequence[int]) -> str:
    """Why this Python cannot be used; empty when it can."""
    if tuple(version[:2]) >= PYTHON:
        return ""
    wanted = ".".join(map(str, PYTHON))
    return f"Python {wanted} or newer is needed, this is {version[0]}.{version[1]}: get it from python.org."


def missing_engines(settings: Config) -> str:
    """What is not named; empty when PostgreSQL and Redis are."""
    unset = [name for name in ("DATABASE_URL", "REDIS_URL") if not getattr(settings, name.lower())]
    if not unset:
        return ""
    return (
        f"set {' and '.join(unset)} first: on Windows PostgreSQL and Redis are not brought along. For example: "
        + " & ".join(f"set {name}={_EXAMPLES[name]}" for name in unset)
    )


_EXAMPLES = {
    "DATABASE_URL": "postgresql://chat:password@127.0.0.1/chat",
    "REDIS_URL": "redis://127.0.0.1:6379",
}


def plan(mode: str, settings: Config) -> Plan:
    """`mode` is `dev` (reloads when the code changes, makes the demo in an empty database) or `run`."""
    where = ("--host", settings.host, "--port", str(settings.port))
    dev = mode == "dev"
    uvicorn = (
        *("uvicorn", "chatserver.asgi:application", *where, "--no-proxy-headers", "--log-level", "warning"),
        *("--http", f"{UVICORN_WIRE}:WireRequests", "--ws", f"{UVICORN_WIRE}:WireProtocol"),
        *("--ws-per-message-deflate", "false", "--timeout-graceful-shutdown", "15"),
    )
    daphne = (
        *("daphne", "--bind", settings.host, "--port", str(settings.port), "--websocket_timeout", "-1"),
        *("--ping-interval", "25", "--ping-timeout", "20", "--verbosity", "0", "chatserver.asgi:application"),
    )
    celery = ("celery", "--app", "chatserver.celery", "--quiet")
    level = ("--loglevel", settings.log_level.replace("INFO", "WARNING"))
    web: tuple[str, ...] = (
        (*uvicorn, "--reload", "--reload-dir", "chatserver", "--reload-dir", "consumers") if dev else uvicorn
    )
    if not dev and settings.server == "daphne":
        web = daphne
    migrate = ("manage", "migrate", "--verbosity", "0")
    return Plan(
        first=(migrate, ("manage", "demo")) if dev else (migrate,),
        running=(
            web,
            # Its usual pool forks, and its built-in clock needs that pool.
            (*celery, "worker", "--pool", "solo", "--without-gossip", "--without-mingle", *level),
            (*celery, "beat", *level),
        ),
    )


def main(arguments: Sequence[str], version: Sequence[int] = sys.version_info[:3]) -> int:
    """The exit code: 1 when a process ended or the port is taken, 2 for a wrong setting, 3 for a missing engine."""
    if complaint := check_python(version):
        return _complain(complaint, 1)
    # What is imported from here on may need that Python.
    from chatserver.config import BASE_DIR, FRONTEND_DIR, config
    from chatserver.errors import ConfigError, EngineMissing
    from chatserver.serving.origins import url
    from chatserver.serving.preflight import check_redis, free_port

    parser = argparse.ArgumentParser(prog="chatserver.serving.windows")
    parser.add_argument("mode", choices=("dev", "run"))
    mode = parser.parse_args(arguments).mode
    os.chdir(BASE_DIR)
    try:
        settings = config()
        if complaint := missing_engines(settings):
            return _complain(f"Missing engine: {complaint}", 3)
        check_redis(settings)
    except ConfigError as error:
        return _complain(f"Wrong setting: {error}", 2)
    except EngineMissing as error:
        return _complain(f"Missing engine: {error}", 3)
    try:
        free_port(settings.host, settings.port)
    except OSError as error:
        line = f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}). Set PORT to another one."
        return _complain(line, 1)
    if not FRONTEND_DIR.is_dir():
        _complain("The pages are not built (frontend/dist is missing): the API works, /app does not.", 0)
    todo = plan(mode, settings)
    for command in todo.first:
        if code := subprocess.call(_command(command)):  # noqa: S603 - our own commands
            return code
    print(f"Starting: {url(settings.host, settings.port)}   Ctrl-C stops.", flush=True)
    return _run([_command(command) for command in todo.running])


def _run(commands: Sequence[Sequence[str]]) -> int:
    """Until one ends or Ctrl-C; then all end."""
    running = [subprocess.Popen(command) for command in commands]  # noqa: S603 - our own commands
    try:
        while True:
            for process, command in zip(running, commands, strict=True):
                if (code := process.poll()) is not None:
                    return _complain(f"{command[2]} ended with exit code {code}; stopping.", 1)
            time.sleep(TICK_SECONDS)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
        for process in running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", *words]


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
