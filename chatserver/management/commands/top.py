"""`manage.py top`: what the server does at this moment, in a terminal."""

from __future__ import annotations

import argparse
import time
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.live import Live

from chatserver.config import config
from chatserver.management.top.figures import View, view
from chatserver.management.top.scrape import NoMetrics, Page, Server
from chatserver.management.top.screen import History, draw

ONCE_WIDTH = 140
"""Columns of a table that goes to a file or another program."""


class Command(BaseCommand):
    help = (
        "Show sockets, rooms, answers, lag, processor and memory of all processes, live; Ctrl-C ends it. It reads the "
        "server's /metrics: of the one that runs out of DATA_DIR, or of --url with the METRICS_TOKEN of the settings."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="", help="address of a server, such as https://chat.example.com")
        parser.add_argument(
            "--interval", type=_interval, default=2.0, help="seconds between two readings, and that rates are of (2)"
        )
        parser.add_argument("--once", action="store_true", help="print one table and end")
        parser.add_argument("--json", action="store_true", help="print the figures once, as one JSON object")

    def handle(self, *args: Any, url: str, interval: float, once: bool, json: bool, **options: Any) -> None:
        try:
            server = Server(url, config())
            try:
                if once or json:
                    self._once(server, interval, json)
                else:
                    _live(server, interval)
            finally:
                server.close()
        except NoMetrics as error:
            self.stderr.write(str(error))
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            return

    def _once(self, server: Server, interval: float, json: bool) -> None:
        before = server.read()
        time.sleep(interval)
        found = view(before, server.read())
        if json:
            self.stdout.write(msgspec.json.encode(found).decode())
            return
        console = Console()
        if not console.is_terminal:
            console = Console(width=ONCE_WIDTH)
        history = History()
        history.add(found.totals)
        console.print(draw(found, server.url, history, console.width))


def _live(server: Server, interval: float) -> None:
    history, note = History(), ""
    before = server.read()
    shown: View | None = None
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(min(interval, 0.5) if shown is None else interval)
            now: Page | None = None
            try:
                now, note = server.read(), ""
            except NoMetrics as error:
                note = f"{error} Trying again …"
            if now is not None:
                shown, before = view(before, now), now
                history.add(shown.totals)
            if shown is not None:
                live.update(draw(shown, server.url, history, live.console.width, note), refresh=True)


def _interval(value: str) -> float:
    try:
        if 0.2 <= float(value) <= 3600:
            return float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} is no number of seconds from 0.2 to 3600.")
