"""The Celery app: background work on documents and on old messages. Its settings are `chatserver.config`'s alone.

`manage.py serve` starts a worker (`serving.background`). Tasks may run twice, and what they are about is found again in
PostgreSQL when Redis forgot them. What a hostile file could do is bounded three times: files are read in processes
of their own (`knowledge.parse`), a worker's process that grew or ran too long is replaced, and the worker itself only
watches over those.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import warnings
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import (
    beat_embedded_init,
    setup_logging,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)

from chatserver import logs, tracing
from chatserver.config import config
from chatserver.processes import end_with_parent

__all__ = ["TASK_SECONDS", "app", "broker_url"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")

QUEUE = "documents"
TASK_SECONDS = config().parse_seconds + 600
"""The longest that one step of a document may take. Then it is told to stop, and soon after its process is ended."""
LAST_SECONDS = 60
TASKS_PER_PROCESS = 2000
"""A fresh process after so many: whatever a library leaks ends there."""
NICENESS = 5
WAKE_SECONDS = 10.0
FETCH_SECONDS = 10.0
SWEEP_SECONDS = 600.0
EXPIRE_SECONDS = 3600.0


def broker_url(redis_url: str) -> str:
    """REDIS_URL in Celery's words: `unix:///path?db=1` is `redis+socket:///path?virtual_host=1`. The first of several
    hosts is the broker."""
    url = (redis_url or "redis://127.0.0.1:6379").split(",")[0].strip()
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"


# Celery warns of running as root because a pickled task could run anything. Ours are JSON; nothing else is accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("chatserver")
app.conf.update(
    broker_url=broker_url(config().redis_url),
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": TASK_SECONDS + 2 * LAST_SECONDS,  # then Redis gives it to another worker
        "global_keyprefix": "chatserver-documents:",
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        # A request that queues a document must not hang while Redis is away.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.2,
    },
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2},
    accept_content=["json"],
    task_serializer="json",
    task_default_queue=QUEUE,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_soft_time_limit=TASK_SECONDS,
    task_time_limit=TASK_SECONDS + LAST_SECONDS,
    worker_max_tasks_per_child=TASKS_PER_PROCESS,
    worker_max_memory_per_child=config().ingest_memory_mb * 1024,  # in KiB
    # Kept in memory: nothing is lost when it begins anew, and no file is left half-written.
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule={
        "wake": {
            "task": "chatserver.knowledge.tasks.wake",
            "schedule": WAKE_SECONDS,
            "options": {"expires": WAKE_SECONDS},
        },
        "fetch": {
            "task": "chatserver.knowledge.web.tasks.fetch_due",
            "schedule": FETCH_SECONDS,
            "options": {"expires": FETCH_SECONDS},
        },
        "sweep": {
            "task": "chatserver.knowledge.tasks.sweep",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS / 2},
        },
        "expire": {
            "task": "chatserver.rooms.tasks.expire",
            "schedule": EXPIRE_SECONDS,
            "options": {"expires": EXPIRE_SECONDS / 2},
        },
    },
    worker_send_task_events=False,
    enable_utc=True,
)
app.autodiscover_tasks(["chatserver.knowledge", "chatserver.knowledge.web", "chatserver.rooms"])


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log(loglevel: int = logging.WARNING, **_: object) -> None:
    """In place of Celery's own: as all other processes do."""
    logs.configure(logs.logging_config(config()))
    logging.getLogger("celery").setLevel(loglevel)


@task_prerun.connect  # type: ignore[untyped-decorator]
def _begin_task(task_id: str, **_: object) -> None:
    logs.clear()
    logs.bind(task=task_id)


@beat_embedded_init.connect  # type: ignore[untyped-decorator]
def _go_too(**_: object) -> None:
    """Whatever ends the worker: who keeps its time goes with it."""
    end_with_parent(signal.SIGTERM)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _step_back(**_: object) -> None:
    """Whoever waits for an answer goes before documents."""
    os.nice(NICENESS)
    tracing.start(config(), process=f"{socket.gethostname()}.{os.getpid()}.documents")


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _deliver_traces(**_: object) -> None:
    tracing.stop()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _sweep(**_: object) -> None:
    """What was left behind by workers and brokers that are gone, and what became due while there was none."""
    app.send_task("chatserver.knowledge.tasks.sweep")
    app.send_task("chatserver.rooms.tasks.expire")
