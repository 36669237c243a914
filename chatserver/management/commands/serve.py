"""`manage.py serve`: the whole server with one command.

It brings the database up to date, makes the demo where there is nothing yet, and keeps gunicorn (N processes), a Celery
worker and the demo site running until Ctrl-C or SIGTERM. `manage.py` has started PostgreSQL and Redis where none
are named.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
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
from chatserver.serving.places import Place
from chatserver.serving.preflight import check_embedder, check_redis, free_port, free_port_after
from chatserver.serving.rolling import Crew
from chatserver.serving.supervise import Child, Supervisor
from chatserver.sites.models import Site

SERVERS = ("daphne", "uvicorn")


class Command(BaseCommand):
    help = "Run the server: web processes and the background worker, with what they need. Ctrl-C stops everything."
    requires_system_checks = ()  # they import all of the web application, which takes a second

    def add_arguments(self, parser: CommandParser) -> None:
        settings = config()
        parser.add_argument(
            "--server",
            choices=SERVERS,
            default=settings.server,
            help=f"what carries HTTP and WebSockets (SERVER, {settings.server})",
        )
        parser.add_argument("--host", default=settings.host, help=f"address to listen on (HOST, {settings.host})")
        parser.add_argument("--port", type=_port, default=settings.port, help=f"port (PORT, {settings.port})")
        parser.add_argument(
            "--bind", type=_bind, metavar="HOST:PORT|unix:/PATH", help="both at once, or a Unix socket for a proxy"
        )
        parser.add_argument(
            "--processes",
            type=_processes,
            default=settings.processes,
            help=f"web processes (PROCESSES, {settings.processes})",
        )
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty; no demo site")

    def handle(self, *args: Any, host: str, port: int, processes: int, no_demo: bool, **options: Any) -> None:
        settings = config()
        place = self._check_place(options["bind"] or Place(host, port))
        host, port = place.host or host, place.port or port
        if place.path and not settings.public_url:
            no_demo = no_demo or not settings.demo_port  # nobody could tell its page where the server is
        demo_port = 0 if no_demo else self._check_demo_port(host, port, settings.demo_port)
        check_redis(settings)
        check_embedder(settings)
        origins = own_origins(settings, host, port) + (demo_origins(settings, host, demo_port) if demo_port else [])
        demo = self._prepare(settings, origins, not no_demo)
        if not _has_demo():
            demo_port = 0
        demo_url = settings.demo_url or (f"{url(host, demo_port)}/" if demo_port else "")
        environ = {**os.environ, "HOST": host, "PORT": str(port), "DEMO_URL": demo_url, "PYTHONUNBUFFERED": "1"}
        environ |= {"PROCESSES": str(processes), "SERVER": options["server"]}
        told = False
        web = Child("The web server", _gunicorn(place), environ=environ)
        hangup = Hangup()

        def tick() -> None:
            nonlocal told
            if not told and place.healthy():
                told = True
                self._greet(place.address, demo_url, demo, settings)
            if hangup.heard() and web.process is not None:
                Crew(web.process.pid, settings.data).request()

        children = [
            web,
            # After it, so that they do not take the web server's time while people wait for that.
            Child(
                "The background worker",
                worker_command(settings),
                essential=False,
                after=lambda: told,
                environ=environ,
            ),
        ]
        if demo_port:
            command = _demo_site(host, demo_port, settings.public_url or place.address)
            children.append(Child("The demo site", command, essential=False, after=lambda: told, environ=environ))
        try:
            if demo:
                ingest_documentation(settings)
            code = Supervisor(children, alive=engines_alive).run(tick)
        finally:
            if demo and demo.password and not told:  # stopped half-way, and the next start will not know it
                self.stdout.write(_sign_in(demo))
        if code:
            raise SystemExit(code)

    def _check_place(self, place: Place) -> Place:
        """Whether one can listen there; port 0 becomes one that is free. A worker would say so too late, and in a
        traceback."""
        try:
            return place.free()
        except OSError as error:
            advice = f"Choose another port: make run PORT={place.port + 1}, or manage.py serve --port {place.port + 1}."
            if place.path:
                advice = "Choose another path."
            self.stderr.write(f"Cannot listen on {place.bind} ({error.strerror}). {advice}")
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


class Hangup:
    """SIGHUP, which asks for the web processes to be replaced one by one; but not from a terminal that closes."""

    def __init__(self) -> None:
        self._heard = False
        if sys.stdin is None or not sys.stdin.isatty():
            signal.signal(signal.SIGHUP, self._hear)

    def heard(self) -> bool:
        """Whether it came since this was asked last."""
        heard, self._heard = self._heard, False
        return heard

    def _hear(self, number: int, frame: object) -> None:
        self._heard = True


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


def _bind(value: str) -> Place:
    try:
        return Place.parse(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{value!r} is no place to listen: give HOST:PORT or unix:/PATH (at most 107 bytes)."
        ) from None


def _processes(value: str) -> int:
    if value.isdigit() and 1 <= int(value) <= 256:
        return int(value)
    raise argparse.ArgumentTypeError(f"{value!r} is no number from 1 to 256.")


def _gunicorn(place: Place) -> list[str]:
    conf = str(BASE_DIR / "chatserver" / "serving" / "gunicorn.conf.py")
    return [sys.executable, "-m", "gunicorn", "chatserver.asgi:application", "--config", conf, "--bind", place.bind]


def _demo_site(host: str, port: int, server: str) -> list[str]:
    where = ("--host", host, "--port", str(port))
    return [sys.executable, "-m", "chatserver.serving.demo_site", *where, "--server", server]
