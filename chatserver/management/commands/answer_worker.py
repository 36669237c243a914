"""`manage.py answer_worker`: write answers in a process of its own, without sockets."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chatserver import wiring
from chatserver.config import config
from chatserver.errors import Unavailable


class Command(BaseCommand):
    help = (
        "Write answers in a process of its own. Start as many as you like, on any machine that reaches PostgreSQL, "
        "Redis and the index; set ANSWERS_PER_PROCESS=0 for the serving processes to leave all answers to them."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--slots", type=int, default=0, help="answers to write at once (default: ANSWERS_PER_PROCESS, at least 1)"
        )

    def handle(self, *args: Any, slots: int, **options: Any) -> None:
        slots = slots if slots > 0 else max(1, config().answers_per_process)
        try:
            asyncio.run(self._work(slots))
        except Unavailable as error:
            self.stderr.write(f"{error.message} Check DATABASE_URL and REDIS_URL.")
            raise SystemExit(3) from None

    async def _work(self, slots: int) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        services = await wiring.start(slots=slots)
        self.stdout.write(f"Writing up to {slots} answers at once as {services.worker.name}. Ctrl-C stops.")
        await stopped.wait()
        await wiring.stop()
