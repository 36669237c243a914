"""The tables of an index: which of them serve, their newest versions for readers, and writes that are tried again.

Readers get a table at one version, which stays what it is while others write. Each reader looks for a newer version
first; those that come at once share a look. Writers write to the table that serves and, while `reindex` builds another
one beside it, to both.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chatserver.ids import uuid7
from chatserver.knowledge.index_cache import Memory
from chatserver.knowledge.index_library import ERRORS, arrow, load_library, translated, unavailable
from chatserver.knowledge.index_nearest import Nearest
from chatserver.knowledge.index_rows import build_indexes

__all__ = ["Pinned", "Tables"]

SERVING = "serving"
"""The table that says which tables serve, and which are being built. Without it each serves under its first name."""
ATTEMPTS = 8
"""Writers of several processes may collide; Lance lets one of them win and tells the others to try again."""
REMOTE_LOOK_SECONDS = 0.5
"""On a disk a look at the newest version costs a tenth of a millisecond, on object storage a request."""


@dataclass(frozen=True)
class Pinned:
    """A table at one version."""

    table: Any
    version: int
    made: str
    memory: Memory
    nearest: Nearest
    """Of a table of vectors."""


@dataclass
class _Latest:
    """The newest version of a table. `running` and `waiting`: the look that is under way and the one after it."""

    probe: Any = None
    pinned: Pinned | None = None
    looked: float = float("-inf")
    running: asyncio.Task[Pinned | None] | None = None
    waiting: asyncio.Task[Pinned | None] | None = None


@dataclass(frozen=True)
class Roles:
    """Where a role (`index_rows.CHUNKS`) is not among `serving`, the table of that name serves."""

    serving: Mapping[str, str] = field(default_factory=dict)
    building: Mapping[str, str] = field(default_factory=dict)

    def table(self, role: str) -> str:
        return self.serving.get(role, role)

    def written(self, role: str) -> list[str]:
        return [self.table(role), *([self.building[role]] if role in self.building else [])]


class Tables:
    """Belongs to one event loop; connects, and imports LanceDB in a thread, when first used. `writing` is held around
    each write."""

    def __init__(
        self, uri: str, storage: Mapping[str, str], writing: Callable[[], AbstractAsyncContextManager[None]]
    ) -> None:
        self._uri = uri
        self._storage = dict(storage)
        self._writing = writing
        self._remote = "://" in uri
        self._connecting: asyncio.Task[tuple[Any, Any]] | None = None
        self._latest: dict[str, _Latest] = {}
        self._writers: dict[str, Any] = {}
        self._roles: tuple[int, Roles] = (-1, Roles())

    # --- reading -----------------------------------------------------------------------------------------------------

    async def newest(self, role: str) -> Pinned | None:
        """The role's table with all that was committed before this call; None where there is none."""
        return await self._newest((await self.roles()).table(role))

    async def read[T](self, role: str, query: Callable[[Pinned], Awaitable[T]], missing: T) -> T:
        """What `query` gives for the role's newest version. Raises `Unavailable`."""
        for last in (False, True):
            try:
                pinned = await self.newest(role)
                return missing if pinned is None else await query(pinned)
            except ERRORS as error:
                self.forget()  # handles of tables that were deleted
                if last:
                    raise unavailable(error) from error
        raise AssertionError

    async def roles(self, *, now: bool = False) -> Roles:
        """`now`: also on object storage, where a look may be half a second old otherwise."""
        pinned = await self._newest(SERVING, now=now)
        if pinned is None:
            return Roles()
        if self._roles[0] != pinned.version:
            found = (await pinned.table.query().to_arrow()).to_pylist()
            by_state = {state: {r["role"]: r["table"] for r in found if r["state"] == state} for state in _STATES}
            self._roles = (pinned.version, Roles(**by_state))
        return self._roles[1]

    def forget(self) -> None:
        self._latest.clear()
        self._writers.clear()
        self._roles = (-1, Roles())

    async def _newest(self, name: str, *, now: bool = False) -> Pinned | None:
        latest = self._latest.setdefault(name, _Latest())
        if self._remote and not now and time.monotonic() - latest.looked < REMOTE_LOOK_SECONDS:
            return latest.pinned
        # A look that has begun may have missed what was committed since: the next one serves all who come meanwhile.
        if latest.waiting is None:
            latest.waiting = asyncio.create_task(self._look(name, latest), name=f"index: look at {name}")
        return await asyncio.shield(latest.waiting)

    async def _look(self, name: str, latest: _Latest) -> Pinned | None:
        if latest.running is not None:
            await asyncio.wait([latest.running])
        latest.running, latest.waiting, latest.looked = latest.waiting, None, time.monotonic()
        _, probing = await self._connections()
        if latest.probe is None:
            latest.probe = await self._open_table(probing, name)
        if latest.probe is None:
            latest.pinned = None
        else:
            version = await latest.probe.version()
            if latest.pinned is None or latest.pinned.version != version:
                latest.pinned = await self._pin(name, latest.pinned)
        return latest.pinned

    async def _pin(self, name: str, before: Pinned | None) -> Pinned | None:
        pinning, _ = await self._connections()
        if (table := await self._open_table(pinning, name)) is None:
            return None
        made = ((await table.schema()).metadata or {}).get(b"made", b"").decode()
        # Another table of that name has rows of its own.
        memory = before.memory if before is not None and before.made == made else Memory()
        return Pinned(table, await table.version(), made, memory, Nearest(table))

    # --- writing -----------------------------------------------------------------------------------------------------

    async def write(self, role: str, write: Callable[[Any], Awaitable[Any]], *, create: Any = None) -> None:
        """Apply `write` to each table of the role. `create`: the schema of the table that is made when there is none;
        without it there is nothing to write. Raises `Unavailable`."""
        for name in (await self._retried(lambda: self.roles(now=True))).written(role):
            await self.write_to(name, write, create=create)

    async def write_to(self, name: str, write: Callable[[Any], Awaitable[Any]], *, create: Any = None) -> None:
        """The same for one table, by its name."""
        async with self._writing():
            await self._retried(lambda: self._write(name, write, create))

    async def _write(self, name: str, write: Callable[[Any], Awaitable[Any]], create: Any) -> None:
        if name not in self._writers:
            connection, _ = await self._connections()
            table = await self._open_table(connection, name)
            if table is None and create is not None:
                table = await self.create(name, create)
            if table is None:
                return
            self._writers[name] = table
        await write(self._writers[name])

    async def _retried[T](self, attempt: Callable[[], Awaitable[T]]) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await attempt()
            except ERRORS as error:
                self.forget()
                if not left:
                    raise unavailable(error) from error
                await asyncio.sleep(random.uniform(0, 0.05 * 2 ** (ATTEMPTS - 1 - left)))  # noqa: S311 - jitter
        raise AssertionError

    # --- tables ------------------------------------------------------------------------------------------------------

    async def create(self, name: str, schema: Any) -> Any:
        """Make a table with its indexes, unless it is there."""
        connection, _ = await self._connections()
        schema = schema.with_metadata({"made": uuid7().hex})
        table = await connection.create_table(name, schema=schema, exist_ok=True)
        await build_indexes(table)
        return table

    async def appoint(self, roles: Roles) -> None:
        """Write down which tables serve and which are being built, in one commit. One process at a time may do it."""
        pa = arrow()
        schema = pa.schema([(column, pa.utf8()) for column in ("role", "state", "table")])
        said = [
            {"role": role, "state": state, "table": table}
            for state in _STATES
            for role, table in getattr(roles, state).items()
        ]
        connection, _ = await self._connections()
        with translated():
            await connection.create_table(SERVING, pa.Table.from_pylist(said, schema=schema), mode="overwrite")
        self._latest.pop(SERVING, None)

    async def names(self) -> list[str]:
        connection, _ = await self._connections()
        names: list[str] = []
        page = None
        while page is None or page.page_token:
            page = await connection.list_tables(page_token=page.page_token if page else None)
            names += page.tables
        return names

    async def drop(self, name: str) -> None:
        connection, _ = await self._connections()
        with translated():
            await connection.drop_table(name, ignore_missing=True)
        self._latest.pop(name, None)
        self._writers.pop(name, None)

    async def _open_table(self, connection: Any, name: str) -> Any | None:
        try:
            return await connection.open_table(name)
        except ValueError as error:
            if "not found" in str(error):
                return None
            raise

    async def _connections(self) -> tuple[Any, Any]:
        """One whose tables stay at their version, and one whose tables are always new."""
        if self._connecting is None or (self._connecting.done() and self._connecting.exception()):
            self._connecting = asyncio.create_task(self._connect(), name="index: connect")
        # Shared by all who wait: one cancelled search must not take the import from the others.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> tuple[Any, Any]:
        lancedb = await asyncio.to_thread(load_library)
        session = lancedb.Session()  # caches, which the two share
        options = {"session": session, "storage_options": self._storage or None}
        return (
            await lancedb.connect_async(self._uri, **options),
            await lancedb.connect_async(self._uri, read_consistency_interval=timedelta(0), **options),
        )


_STATES = ("serving", "building")
