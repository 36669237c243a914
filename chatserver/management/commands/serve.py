"""`manage.py serve`: the whole server with one command.

It brings the database up to date, makes the demo where there is nothing yet, and keeps gunicorn (N Daphne processes), a
Celery worker and the demo site running until Ctrl-C or SIGTERM. `manage.py` has started PostgreSQL and Redis where none
are named.
"""

from __future__ import annotations

import argparse
import os
import sys
import urllib.request
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import NotSupportedError, connections
from django.db.migrations.exceptions import MigrationSchemaMissing

from chatserver.config import BASE_DIR, Config, config
from chatserver.errors import EngineMissing
from chatserver.serving.background import worker_command
from chatserver.serving.demo import KEY, Demo, ingest_documentation, make_demo, refresh_demo
from chatserver.serving.embedded import engines_alive
from chatserver.serving.origins import demo_origins, own_origins, url
from chatserver.serving.preflight import check_embedder, check_redis, free_port, free_port_after
from chatserver.serving.supervise import Child, Supervisor
from chatserver.sites.models import Site

BACKLOG = 2048


class Command(BaseCommand):
    help = "Run the server: web processes and the background worker, with what they need. Ctrl-C stops everything."
    requires_system_checks = ()  # they import all of the web application, which takes a second

    def add_arguments(self, parser: CommandParser) -> None:
        settings = config()
        parser.add_argument("--host", default=settings.host, help=f"address to listen on (HOST, {settings.host})")
        parser.add_argument("--port", type=_port, default=settings.port, help=f"port (PORT, {settings.port})")
        parser.add_argument(
            "--processes",
            type=_processes,
            default=settings.processes,
            help=f"web processes (PROCESSES, {settings.processes})",
        )
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty; no demo site")

    def handle(self, *args: Any, host: str, port: int, processes: int, no_demo: bool, **options: Any) -> None:
        settings = config()
        port = self._check_port(host, port)
        demo_port = 0 if no_demo else self._check_demo_port(host, port, settings.demo_port)
        check_redis(settings)
        check_embedder(settings)
        origins = own_origins(settings, host, port) + (demo_origins(settings, host, demo_port) if demo_port else [])
        demo = self._prepare(settings, origins, not no_demo)
        if not _has_demo():
            demo_port = 0
        address = url(host, port)
        demo_url = settings.demo_url or (f"{url(host, demo_port)}/" if demo_port else "")
        told = False

        def tell() -> None:
            nonlocal told
            if not told and _healthy(address):
                told = True
                self._greet(address, demo_url, demo, settings)

        environ = {**os.environ, "HOST": host, "PORT": str(port), "DEMO_URL": demo_url, "PYTHONUNBUFFERED": "1"}
        worker = worker_command(settings)
        children = [
            Child("The web server", _gunicorn(host, port, processes, settings), environ=environ),
            # After it, so that they do not take the web server's time while people wait for that.
            Child("The background worker", worker, essential=False, after=lambda: told, environ=environ),
        ]
        if demo_port:
            command = _demo_site(host, demo_port, settings.public_url or address)
            children.append(Child("The demo site", command, essential=False, after=lambda: told, environ=environ))
        try:
            if demo:
                ingest_documentation(settings)
            code = Supervisor(children, alive=engines_alive).run(tell)
        finally:
            if demo and demo.password and not told:  # stopped half-way, and the next start will not know it
                self.stdout.write(_sign_in(demo))
        if code:
            raise SystemExit(code)

    def _check_port(self, host: str, port: int) -> int:
        """Whether the port is free; 0 becomes one that is. A worker would say so too late, and in a traceback."""
        try:
            return free_port(host, port)
        except OSError as error:
            self.stderr.write(
                f"Cannot listen on {host}:{port} ({error.strerror}). Choose another port: "
                f"make run PORT={port + 1}, or manage.py serve --port {port + 1}."
            )
            raise SystemExit(1) from None

    def _check_demo_port(self, host: str, port: int, wanted: int) -> int:
        if not wanted:
            return free_port_after(host, port)
        try:
            return free_port(host, wanted)
        except OSError as error:
            self.stderr.write(f"Cannot listen on {host}:{wanted} ({error.strerror}). Choose another DEMO_PORT.")
            raise SystemExit(1) from None

    def _prepare(self, settings: Config, origins: list[str], with_demo: bool) -> Demo | None:
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except (NotSupportedError, MigrationSchemaMissing) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise EngineMissing(f"this PostgreSQL cannot be used: {reason}. Check DATABASE_URL.") from None
        demo = None
        if with_demo and not Site.objects.exists():
            self.stdout.write("The database is empty: making the demo (site, user, room, our documentation) …")
            demo = make_demo(settings, origins)
        else:
            refresh_demo(settings, origins)
        connections.close_all()
        return demo

    def _greet(self, address: str, demo_url: str, demo: Demo | None, settings: Config) -> None:
        lines = [f"Ready: {address}", f"Rooms: {address}/app/"]
        if demo_url:
            lines.append(f"Widget: {demo_url} (the demo site)")
        if demo and demo.password:
            lines.append(_sign_in(demo))
        if settings.llm_base_url:
            lines.append(f"Answers come from {settings.llm_model}.")
        else:
            lines.append(
                "Answers quote the documents unless Ollama runs here; for a model set LLM_BASE_URL and LLM_MODEL."
            )
        lines.append("Add documents: manage.py ingest PATH…   Ctrl-C stops.")
        self.stdout.write("\n" + "\n".join(f"  {line}" for line in lines) + "\n")
        self.stdout.flush()


def _has_demo() -> bool:
    try:
        return Site.objects.filter(key=KEY).exists()
    finally:
        connections.close_all()


def _sign_in(demo: Demo) -> str:
    return f"Sign in as {demo.username} with password {demo.password} (shown only now)."


def _port(value: str) -> int:
    if value.isdigit() and int(value) < 65536:
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is no port: give a number from 0 (any that is free) to 65535.")


def _processes(value: str) -> int:
    if value.isdigit() and 1 <= int(value) <= 256:
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is no number from 1 to 256.")


def _gunicorn(host: str, port: int, processes: int, settings: Config) -> list[str]:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        *(sys.executable, "-m", "gunicorn", "chatserver.asgi:application", "--chdir", str(BASE_DIR)),
        *("--worker-class", "chatserver.serving.daphne.DaphneWorker", "--workers", str(processes)),
        *("--bind", bind, "--backlog", str(BACKLOG), "--timeout", "30", "--graceful-timeout", "20"),
        *("--no-control-socket", "--log-level", "warning"),
        *("--logger-class", "chatserver.serving.gunicorn_log.Log"),
    ]


def _demo_site(host: str, port: int, server: str) -> list[str]:
    where = ("--host", host, "--port", str(port))
    return [sys.executable, "-m", "chatserver.serving.demo_site", *where, "--server", server]


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=1) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except OSError:
        return False
