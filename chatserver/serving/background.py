"""How a background worker is started."""

from __future__ import annotations

import sys

from chatserver.config import BASE_DIR, Config

__all__ = ["worker_command"]


def worker_command(settings: Config) -> list[str]:
    """A worker that also keeps the time for what is done again and again. Several may run; each of these tasks finds
    out by itself whether there is something to do."""
    return [
        *(sys.executable, "-m", "celery", "--app", "chatserver.celery", "--workdir", str(BASE_DIR), "--quiet"),
        *("worker", "--beat", "--concurrency", str(settings.ingest_processes), "--without-gossip", "--without-mingle"),
        *("--loglevel", settings.log_level.replace("INFO", "WARNING")),
    ]
