"""The records of rooms, over asyncpg: the only module that writes heads, messages and jobs.

Django's async ORM runs one call at a time per process in consumers, so the paths of sockets and workers don't use it;
the schema, the admin and the HTTP API's plain records stay with Django.
"""

from __future__ import annotations

from typing import Self

from chatserver.database import Pool, open_pool
from chatserver.rooms.appending import Appender
from chatserver.rooms.changing import Changing
from chatserver.rooms.jobs import Jobs
from chatserver.rooms.mentions import mentions_assistant
from chatserver.rooms.reading import Reading
from chatserver.rooms.types import Appended, Draft

__all__ = ["Store"]


class Store(Reading, Changing, Jobs):
    """Implements `realtime.ports.Truth`. One per process and event loop."""

    def __init__(self, pool: Pool, dsn: str) -> None:
        self._pool = pool
        self._appender = Appender(dsn)

    @classmethod
    async def open(cls, dsn: str) -> Self:
        """Succeeds also while PostgreSQL is away; then each call raises `Unavailable`."""
        return cls(await open_pool(dsn), dsn)

    @property
    def pool(self) -> Pool:
        """For other records of the same database."""
        return self._pool

    async def close(self) -> None:
        await self._appender.close()
        await self._pool.close()

    async def append(self, draft: Draft) -> Appended:
        """Store a message, and the pending answer it asks for, in one transaction shared with concurrent sends.

        Raises `NotFound` (no such room, or the author is no member), `Conflict` (the cid was used for another message),
        `Invalid` (`reply_to`), `Unavailable` (outcome unknown: repeat with the same cid).
        """
        return await self._appender.append(draft, mentioned=mentions_assistant(draft.text))
