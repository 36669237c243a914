"""Messages that a site keeps no longer (`Site.retention_days`) go, with their answers, ratings and jobs.

A client that holds one of them must drop it, wherever it is. A tombstone each would be as many rows as there were; so
the room's `floor` rises to a new `rev` instead, and whoever is below it gets a snapshot (docs/protocol.md): sockets
within the sweep's two seconds, other clients when they come back. That is why it is done once a day for a room: a
message goes when the whole day on which it was written is older than the site's days.

Synchronous, through Django's connection: Celery runs it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from chatserver.sites.models import Site

__all__ = ["due_before", "expire", "expire_room"]

log = logging.getLogger(__name__)

BATCH = 1000
"""Messages in one transaction, which holds the room's lock."""
ROOMS = 500
"""Rooms that are looked at in one query."""

OLD_ROOMS = """SELECT r.id, coalesce(first.created < %(before)s, false) AS old FROM rooms_room r
  LEFT JOIN LATERAL (SELECT m.created FROM rooms_message m WHERE m.room_id = r.id ORDER BY m.seq LIMIT 1) first ON true
  WHERE r.site_id = %(site)s AND (%(after)s::uuid IS NULL OR r.id > %(after)s::uuid) ORDER BY r.id LIMIT %(limit)s"""

# An answer that is being written stays until it has ended, and so does its question, which its worker may yet read. No
# other can become live meanwhile: that takes the room's lock.
OLD_MESSAGES = """SELECT m.id FROM rooms_message m WHERE m.room_id = %(room)s AND m.created < %(before)s
  AND NOT EXISTS (SELECT 1 FROM rooms_job j WHERE j.room = %(room)s AND j.state <> 'done'
                     AND (j.message = m.id OR j.message = m.answer))
  ORDER BY m.seq LIMIT %(limit)s"""


def due_before(days: int, now: datetime) -> datetime:
    """Messages from before this moment, a midnight in UTC, are kept no longer."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


def expire(seconds: float, now: datetime | None = None) -> tuple[int, bool]:
    """Delete what is due in all sites, for at most about `seconds`; how many messages went, and whether there are
    more. Safe to run anywhere and at any time; one process at a time does it, and others return at once."""
    until, gone = time.monotonic() + seconds, 0
    with _alone() as alone:
        if not alone:
            return 0, False
        for site, days in Site.objects.filter(retention_days__gt=0).values_list("pk", "retention_days"):
            before = due_before(days or 0, now or datetime.now(UTC))
            for room in _rooms(site, before):
                try:
                    while (count := expire_room(room, before)) and time.monotonic() < until:
                        gone += count
                    gone += count
                except OperationalError as error:
                    if not isinstance(error.__cause__, LockNotAvailable):
                        raise
                    log.warning("retention: room %s is busy; its old messages go at the next run", room)
                if time.monotonic() >= until:
                    return gone, True
    return gone, False


def expire_room(room: UUID, before: datetime, limit: int = BATCH) -> int:
    """Delete up to `limit` of the room's messages from before then, in one transaction under the room's lock."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT 1 FROM rooms_head WHERE room = %s FOR NO KEY UPDATE", [room])
        cursor.execute(OLD_MESSAGES, {"room": room, "before": before, "limit": limit})
        old = [id_ for (id_,) in cursor.fetchall()]
        if not old:
            return 0
        for query in (
            "DELETE FROM rooms_rating WHERE message_id = ANY(%s)",
            "DELETE FROM rooms_job WHERE message = ANY(%s)",
            "DELETE FROM rooms_message WHERE id = ANY(%s)",
        ):
            cursor.execute(query, [old])
        # Not the highest rev that went: a client far beyond that one still holds the message.
        cursor.execute("UPDATE rooms_head SET rev = rev + 1, floor = rev + 1 WHERE room = %s", [room])
    return len(old)


def _rooms(site: UUID, before: datetime) -> Iterator[UUID]:
    """Rooms of a site whose first message is from before then."""
    after: UUID | None = None
    while True:
        with connection.cursor() as cursor:
            cursor.execute(OLD_ROOMS, {"site": site, "before": before, "after": after, "limit": ROOMS})
            found = cursor.fetchall()
        if not found:
            return
        after = found[-1][0]
        yield from (room for room, old in found if old)


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('rooms: retention', 0))")
        held: bool = cursor.fetchone()[0]
    try:
        yield held
    finally:
        if held and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('rooms: retention', 0))")
