"""One writer at a time where the storage may not keep several apart.

Commits of Lance are safe as long as the storage refuses a second file of one name. A disk does; of storages that speak
S3 some do, some do so in newer versions only, some not under load. What all our processes share is PostgreSQL.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from chatserver import tcp
from chatserver.errors import Unavailable

__all__ = ["one_writer"]

WAIT_SECONDS = 60


@asynccontextmanager
async def one_writer(database_url: str) -> AsyncIterator[None]:
    """Hold the index for writing. A crash lets go of it, with its connection; so does a
    machine that is cut off, soon. Raises `Unavailable`."""
    try:
        connection = await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=10, **tcp.LIBPQ
        )
        async with connection:
            for name, value in tcp.POSTGRES.items():
                await connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            await connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
            await connection.execute("SELECT pg_advisory_lock(hashtextextended('index: write', 0))")
            yield
    except psycopg.Error as error:
        raise Unavailable("The search index cannot be written just now; try again.") from error
