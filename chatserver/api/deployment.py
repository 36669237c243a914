"""What no single process can say of itself: whether PostgreSQL and Redis answer, and how long work waits there.

Whoever answers `GET /metrics` asks, at most once in two seconds.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Mapping, Sequence

from chatserver.metrics import Family, Gauge, Registry
from chatserver.wiring import Services

__all__ = ["families"]

KEEP_SECONDS = 2.0
ASK_SECONDS = 1.0

# A later attempt has the id, and so the time, of the first: how long it waits cannot be told from it.
JOBS = """SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
    count(*) FILTER (WHERE state = 'running') AS running,
    (SELECT message FROM rooms_job WHERE state = 'pending' AND attempt = 1 ORDER BY message LIMIT 1) AS oldest
  FROM rooms_job WHERE state <> 'done'"""
DOCUMENTS = """SELECT status, count(*) AS documents, extract(epoch FROM now() - min(created))::float8 AS age,
    extract(epoch FROM now() - max(updated))::float8 AS still
  FROM knowledge_document WHERE status IN ('queued', 'parsing', 'embedding') GROUP BY status"""

REGISTRY = Registry()
_latest: dict[str, float | Mapping[str, float]] = {}


def _gauge(name: str, help: str, label: str = "") -> str:
    Gauge(name, help, lambda: _latest.get(name), label=label, registry=REGISTRY)
    return name


DATABASE = _gauge("chatserver_database_up", "1 when PostgreSQL answers within a second.")
DATABASE_PING = _gauge("chatserver_database_ping_seconds", "How long PostgreSQL took to say what waits.")
REDIS = _gauge("chatserver_redis_up", "1 when each Redis answers within a second.")
REDIS_PING = _gauge("chatserver_redis_ping_seconds", "How long the slowest Redis took to answer a ping.")
QUEUE = _gauge("chatserver_queue_answers", "Answers that wait for a worker (pending) or are written.", "state")
QUEUE_AGE = _gauge("chatserver_queue_age_seconds", "How long the oldest answer waits that no worker has begun yet.")
WAITING = _gauge("chatserver_documents_waiting", "Documents that are not done.", "status")
WAITING_AGE = _gauge("chatserver_documents_age_seconds", "Since when the oldest of these documents is there.")
STILL = _gauge("chatserver_documents_still_seconds", "Since when none of these documents got further.")

_asking = asyncio.Lock()
_asked = float("-inf")


async def families(services: Services) -> Sequence[Family]:
    """What is not known, since PostgreSQL is away, has no value."""
    global _asked
    async with _asking:
        if time.monotonic() - _asked > KEEP_SECONDS:
            found: dict[str, float | Mapping[str, float]] = {}
            asked = await asyncio.gather(_timed(_records(services, found)), _timed(_redis(services)))
            for (up, ping), seconds in zip(((DATABASE, DATABASE_PING), (REDIS, REDIS_PING)), asked, strict=True):
                found[up] = seconds is not None
                if seconds is not None:
                    found[ping] = seconds
            _latest.clear()
            _latest.update(found)
            _asked = time.monotonic()
    return REGISTRY.families()


async def _records(services: Services, found: dict[str, float | Mapping[str, float]]) -> None:
    async with services.store.pool.acquire() as connection:
        jobs = await connection.fetchrow(JOBS)
        documents = await connection.fetch(DOCUMENTS)
    assert jobs is not None
    found[QUEUE] = {state: jobs[state] for state in ("pending", "running")}
    found[QUEUE_AGE] = max(0.0, time.time() - _made(jobs["oldest"])) if jobs["oldest"] else 0.0
    found[WAITING] = {"queued": 0, "parsing": 0, "embedding": 0} | {
        row["status"]: row["documents"] for row in documents
    }
    found[WAITING_AGE] = max((row["age"] for row in documents), default=0.0)
    found[STILL] = min((row["still"] for row in documents), default=0.0)


async def _redis(services: Services) -> None:
    await asyncio.gather(*(host.ping() for host in services.redis))


async def _timed(work: Awaitable[object]) -> float | None:
    """Seconds; None when it failed or took too long."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(ASK_SECONDS):
            await work
    except Exception:
        return None
    return time.monotonic() - began


def _made(id_: uuid.UUID) -> float:
    """The Unix time in a UUIDv7."""
    return (uuid.UUID(str(id_)).int >> 80) / 1000
