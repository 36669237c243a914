"""Group commit: concurrent sends of this process share a transaction.

Two committers, chosen by room, each with a connection of its own. While one batch commits the next gathers, so that a
batch is as large as the load makes it. Correctness lies in `chat_append` (sql/0002_functions.sql), not here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from datetime import datetime
from hashlib import sha256
from typing import Any
from zlib import crc32

import asyncpg
import msgspec

from chatserver import tcp
from chatserver.database import AWAY, FAILED, SECONDS, watch
from chatserver.errors import ChatError, Conflict, Internal, Invalid, NotFound, Unavailable
from chatserver.metrics import Counter
from chatserver.protocol.frames import Message, User
from chatserver.rooms.types import Appended, Draft
from chatserver.rooms.wire import assistant, rfc3339

__all__ = ["Appender"]

log = logging.getLogger(__name__)

APPENDED = Counter("chatserver_messages_total", "Messages of people stored, repeated sends among them.")

BATCH = 50
QUEUE = 5_000
"""Sends waiting in one committer; more are refused as `unavailable` (not stored)."""
STATEMENT_SECONDS = 10.0
SESSION = {
    "application_name": "chatserver append",
    "lock_timeout": "2s",
    # Plans are cached while the tables are still empty, where these look cheap; on grown tables they are not.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    **tcp.POSTGRES,
}
APPEND = """SELECT * FROM chat_append($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[],
                                      $7::text[], $8::uuid[], $9::boolean[], $10::boolean[])"""
APPEND_TRACED = APPEND.replace(")", ", $11::text[])").replace("chat_append", "chat_append_traced")

type _Waiting = tuple[Draft, bytes, bool, asyncio.Future[Appended]]


class Appender:
    """`append` returns after the commit; the batch goes on when one of its waiters is cancelled."""

    def __init__(self, dsn: str, *, committers: int = 2) -> None:
        self._committers = [_Committer(dsn, number) for number in range(committers)]

    async def append(self, draft: Draft, *, mentioned: bool) -> Appended:
        """Raises `NotFound`, `Conflict`, `Invalid`, `Unavailable` (outcome unknown: repeat with the same cid)."""
        committer = self._committers[crc32(draft.room.encode()) % len(self._committers)]
        return await asyncio.shield(committer.submit(draft, mentioned))

    async def close(self) -> None:
        for committer in self._committers:
            await committer.close()


def command_hash(draft: Draft) -> bytes:
    """Of what the client sent, so that a repeat is told from another message under the same cid."""
    return sha256(msgspec.json.encode([draft.text, draft.reply_to, draft.ask])).digest()


class _Committer:
    def __init__(self, dsn: str, number: int) -> None:
        self._dsn = dsn
        self._name = f"append {number}"
        self._queue: deque[_Waiting] = deque()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, draft: Draft, mentioned: bool) -> asyncio.Future[Appended]:
        if self._closed or len(self._queue) >= QUEUE:
            raise Unavailable("The server has too many messages to store just now; try again.")
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._queue.append((draft, command_hash(draft), mentioned, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name=self._name, context=Context())  # in nobody's name
        return future

    async def close(self) -> None:
        """Store what waits, then close."""
        self._closed = True
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection:
            try:
                await connection.close(timeout=2)
            except AWAY:  # ended by PostgreSQL while it was idle: all that it had was committed
                connection.terminate()

    async def _drain(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            await self._store(batch)

    async def _store(self, batch: list[_Waiting]) -> None:
        try:
            with SECONDS.time():
                rows = await self._commit(batch)
            APPENDED.add(len(batch))
        except AWAY as error:
            FAILED.add()
            await self._reset()
            _fail(batch, Unavailable(), error)
        except asyncpg.PostgresError as error:
            # PostgreSQL refuses a row of the batch: halve until it is alone, so that the others are stored.
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._store(batch[:middle])
                await self._store(batch[middle:])
            else:
                log.error("append refused: %s", error)
                _fail(batch, Invalid("text", "the database cannot hold this message."), error)
        except Exception as error:
            log.exception("append failed")
            await self._reset()
            _fail(batch, Internal(), error)
        else:
            for waiting, row in zip(batch, rows, strict=True):
                _resolve(waiting, row)

    async def _commit(self, batch: list[_Waiting]) -> Sequence[asyncpg.Record]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, timeout=5, server_settings=SESSION)
            await watch(self._connection)
        columns: tuple[list[Any], ...] = tuple([] for _ in range(10))
        for draft, digest, mentioned, _ in batch:
            row = (
                *(draft.room, draft.author.id, draft.cid, digest, draft.id, draft.answer),
                *(draft.text, draft.reply_to, draft.ask, mentioned),
            )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
        if any(traces := [draft.trace or None for draft, *_ in batch]):
            return await self._connection.fetch(APPEND_TRACED, *columns, traces, timeout=STATEMENT_SECONDS)
        return await self._connection.fetch(APPEND, *columns, timeout=STATEMENT_SECONDS)

    async def _reset(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.terminate()


def _fail(batch: list[_Waiting], error: ChatError, cause: BaseException) -> None:
    error.__cause__ = cause
    for *_, future in batch:
        if not future.done():
            future.set_exception(error)


def _resolve(waiting: _Waiting, row: asyncpg.Record) -> None:
    draft, _, _, future = waiting
    if future.done():
        return
    match row["code"]:
        case "ok":
            future.set_result(_appended(draft, row))
        case "conflict":
            future.set_exception(Conflict("This cid was used for another message."))
        case "reply_to":
            future.set_exception(Invalid("reply_to", "there is no such message in this room."))
        case _:
            future.set_exception(NotFound())


def _appended(draft: Draft, row: asyncpg.Record) -> Appended:
    id_, seq, duplicate = str(row["id"]), row["seq"], row["duplicate"]
    answer = str(row["answer"]) if row["answer"] else None
    question = pending = None
    if not duplicate:
        question = _message(id_, seq, draft.author, row["created"], draft.text)
        question.cid, question.reply_to = draft.cid, draft.reply_to
        if answer:
            pending = _message(answer, seq + 1, assistant(row["assistant"]), row["created"], "")
            pending.status, pending.attempt, pending.reply_to = "pending", 1, id_
    return Appended(message=id_, seq=seq, answer=answer, duplicate=duplicate, question=question, pending=pending)


def _message(id_: str, seq: int, author: User, created: datetime, text: str) -> Message:
    return Message(id=id_, seq=seq, rev=seq, author=author, text=text, status="complete", created=rfc3339(created))
