"""The Celery app: background work on documents. Its settings are those of `chatserver.config` alone.

Start a worker with `celery --app chatserver.celery worker`; `manage.py serve` does. Tasks carry an id and nothing else,
may run twice, and are found again in PostgreSQL when Redis forgot them.
"""

from __future__ import annotations

import os
import warnings
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_ready

from chatserver.config import config

__all__ = ["app", "broker_url"]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")

QUEUE = "documents"
TASK_SECONDS = 3600
"""The longest that a book with vectors may take on a small machine. Redis gives a task of a dead worker to another one
after the same time."""


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
        "visibility_timeout": TASK_SECONDS + 60,
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
    task_time_limit=TASK_SECONDS + 30,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    enable_utc=True,
)
app.autodiscover_tasks(["chatserver.knowledge"])


@worker_ready.connect  # type: ignore[untyped-decorator]
def _sweep(**_: object) -> None:
    """What was left behind by workers and brokers that are gone."""
    app.send_task("chatserver.knowledge.tasks.sweep")
