"""`manage.py roll`: replace all web processes of this machine, one at a time, without losing anything."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chatserver.config import config
from chatserver.serving.rolling import Crew

TICK_SECONDS = 0.25
STALL_SECONDS = 120
"""Without one more process replaced, the new ones do not start."""


class Command(BaseCommand):
    help = "Replace all web processes of this machine, one at a time: each leaves once a new one serves."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stall",
            type=int,
            default=STALL_SECONDS,
            help=f"seconds without progress after which to stop waiting ({STALL_SECONDS})",
        )

    def handle(self, *args: Any, stall: int, **options: Any) -> None:
        settings = config()
        crews = Crew.all(settings.data)
        if not crews:
            self.stderr.write(f"No web processes run here with DATA_DIR={settings.data_dir}.")
            raise SystemExit(1)
        for crew in crews:
            self._roll(crew, stall)

    def _roll(self, crew: Crew, stall: int) -> None:
        before = {ready.pid for ready in crew.ready()}
        crew.request()
        left, since = set(before), time.monotonic()
        while True:
            ready, mark = crew.ready(), crew.mark()
            still = before & {process.pid for process in ready}
            if still != left:
                self.stdout.write(f"{len(before) - len(still)} of {len(before)} processes replaced.")
                self.stdout.flush()
                left, since = still, time.monotonic()
            # Those that were starting when we asked may be of before, too.
            if not crew.leaving() and len(ready) >= len(before) and all(process.mark == mark for process in ready):
                return
            if time.monotonic() - since > stall:
                self.stderr.write(
                    f"No process was replaced for {stall} s; {len(still)} old ones go on serving. The server's log "
                    "says why new ones do not start. Once they do, this goes on by itself."
                )
                raise SystemExit(1)
            time.sleep(TICK_SECONDS)
