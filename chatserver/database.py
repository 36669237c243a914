"""asyncpg connections to the records: one pool per process, opened by whoever owns the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from chatserver import tcp
from chatserver.errors import Unavailable
from chatserver.metrics import Counter, Histogram

type Pool = asyncpg.Pool[asyncpg.Record]
type Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

SECONDS = Histogram("chatserver_database_seconds", "Duration of one use of PostgreSQL, with the wait for a connection.")
FAILED = Counter("chatserver_database_failures_total", "Uses of PostgreSQL that failed because it was away.")

# What a lost, stopping or overloaded PostgreSQL raises. Everything else is a bug or a refused value.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection lost in the middle of asyncpg's own introspection
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,
)


SESSION = {
    "application_name": "chatserver",
    # Of a machine that was cut off in the middle of a transaction: a room's lock must not wait for its return.
    "idle_in_transaction_session_timeout": "10s",
    **tcp.POSTGRES,
}


async def open_pool(dsn: str, *, size: int = 8, server_settings: dict[str, str] | None = None) -> Pool:
    """A pool of up to `size` connections; a query may take 10 s."""
    async with translated():
        return await asyncpg.create_pool(
            dsn,
            min_size=0,  # connects when first needed, so that a server starts while PostgreSQL is away
            max_size=size,
            timeout=5,
            command_timeout=10,
            server_settings={**SESSION, **(server_settings or {})},
            init=watch,
            reset=_as_it_is,
        )


async def watch(connection: Connection) -> None:
    """Find out soon when the other end is cut off (`chatserver.tcp`)."""
    # asyncpg offers no way to its socket.
    sock = connection._transport.get_extra_info("socket")  # type: ignore[union-attr]
    if sock is not None:
        tcp.watch(sock)


async def _as_it_is(connection: Connection) -> None:
    """In place of a round trip after each use: nobody here leaves settings, locks or cursors in a session, and asyncpg
    itself ends a transaction that is still open."""


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn "PostgreSQL is away" into `Unavailable`: the outcome of what ran inside is unknown."""
    try:
        with SECONDS.time():
            yield
    except AWAY as error:
        FAILED.add()
        raise Unavailable from error
