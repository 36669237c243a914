"""The answers' queue: claim, beat, watch, settle, retry (docs/architecture.md, "The way of a question").

Claim and beat touch only `rooms_job` and never a room's `rev`; what changes an answer for its readers takes the
room's lock.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from chatserver.database import Pool, translated
from chatserver.errors import NotFound
from chatserver.metrics import Counter
from chatserver.protocol.frames import Message, Source, Status
from chatserver.providers.base import Usage
from chatserver.rag.types import Question, Turn
from chatserver.rooms import reading, wire
from chatserver.rooms.mentions import without_mention
from chatserver.rooms.types import Job, JobBeat

__all__ = ["Jobs"]

ANSWERS = Counter(
    "chatserver_answers_total",
    "Answers ended, by their status.",
    label="status",
    values=("complete", "failed", "stopped"),
)
TOKENS = Counter(
    "chatserver_tokens_total",
    "Tokens of ended answers, as the model's endpoint counted them.",
    label="kind",
    values=("completion", "prompt"),
)

CLAIM = """UPDATE rooms_job SET state = 'running', worker = $1, beat = 0 WHERE message IN (
    SELECT message FROM rooms_job WHERE state = 'pending' ORDER BY message LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING message, room, attempt, losses, trace"""

BEAT = """WITH mine AS (
    SELECT j.message FROM rooms_job j JOIN unnest($2::uuid[], $3::int[]) g(message, attempt)
        ON g.message = j.message AND g.attempt = j.attempt
     WHERE j.state = 'running' AND j.worker = $1 ORDER BY j.message FOR UPDATE OF j)
  UPDATE rooms_job t SET beat = t.beat + 1 FROM mine WHERE t.message = mine.message RETURNING t.message, t.attempt"""

SUPERSEDE = """UPDATE rooms_job SET attempt = attempt + 1, losses = losses + 1, worker = $4, beat = 0
  WHERE message = $1::uuid AND attempt = $2 AND beat = $3 AND state = 'running'
  RETURNING message, room, attempt, losses, trace"""

RELEASE = """UPDATE rooms_job SET state = 'pending', attempt = attempt + 1, worker = NULL, beat = 0
  WHERE message IN (SELECT message FROM rooms_job WHERE state = 'running' AND worker = $1 ORDER BY message FOR UPDATE)
  RETURNING message"""

RETRACE = "UPDATE rooms_job SET trace = concat_ws(' ', $2::text, right(trace, 55)) WHERE message = $1::uuid"

# Every member of a room reads the answer, so it comes from what all of them may read.
CONTEXT = """WITH collections AS (
    SELECT c.id, knowledge_readable(c, q.author_id) AS asker, c.visibility = 'public' OR NOT EXISTS (
             SELECT 1 FROM rooms_member b WHERE b.room_id = m.room_id AND NOT knowledge_readable(c, b.user_id)) AS room
      FROM rooms_message m JOIN rooms_message q ON q.id = m.question JOIN rooms_room r ON r.id = m.room_id
      JOIN knowledge_collection c ON c.site_id = r.site_id WHERE m.id = $1::uuid)
  SELECT q.text, q.seq, s.locale, s.assistant_name,
    (SELECT json_agg(id) FROM collections WHERE room) AS collections,
    EXISTS (SELECT 1 FROM collections WHERE asker AND NOT room) AND NOT EXISTS (
      SELECT 1 FROM rooms_member b JOIN sites_user v ON v.id = b.user_id  -- visitors are told nothing of it
       WHERE b.room_id = r.id AND v.kind = 'visitor') AS withheld,
    (SELECT json_agg(json_build_object('role', t.role, 'text', t.text) ORDER BY t.seq) FROM (
       SELECT m.seq, m.text, CASE WHEN m.author_id = $2::uuid THEN 'assistant' ELSE 'user' END AS role
         FROM rooms_message m WHERE m.room_id = r.id AND m.seq < q.seq AND m.text <> ''
          AND m.status IN ('complete', 'stopped') ORDER BY m.seq DESC LIMIT $3) t) AS history
  FROM rooms_message m JOIN rooms_message q ON q.id = m.question JOIN rooms_room r ON r.id = m.room_id
  JOIN sites_site s ON s.id = r.site_id WHERE m.id = $1::uuid"""

_turns = msgspec.json.Decoder(tuple[Turn, ...])
_ids = msgspec.json.Decoder(tuple[str, ...])


class Jobs:
    """Needs `_pool`. Every method raises `Unavailable` when PostgreSQL is away."""

    _pool: Pool

    async def claim(self, worker: str, limit: int) -> list[Job]:
        """Take up to `limit` pending answers, the oldest first; two workers never get the same."""
        async with translated():
            return [_job(row) for row in await self._pool.fetch(CLAIM, worker, limit)]

    async def beat(self, worker: str, jobs: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Prove that `worker` lives; returns which (message, attempt) are still its own."""
        messages, attempts = [message for message, _ in jobs], [attempt for _, attempt in jobs]
        async with translated():
            rows = await self._pool.fetch(BEAT, worker, messages, attempts)
        return {(str(row["message"]), row["attempt"]) for row in rows}

    async def running(self) -> list[JobBeat]:
        """Every answer being written, by whomever, with its beat."""
        async with translated():
            rows = await self._pool.fetch(
                "SELECT message, room, attempt, beat, losses, worker FROM rooms_job WHERE state = 'running'"
            )
        return [
            JobBeat(
                message=str(row["message"]),
                room=str(row["room"]),
                attempt=row["attempt"],
                beat=row["beat"],
                losses=row["losses"],
                worker=row["worker"] or "",
            )
            for row in rows
        ]

    async def supersede(self, silent: JobBeat, worker: str) -> Job | None:
        """Take an answer from a silent worker, as the next attempt; None when it moved meanwhile."""
        async with translated():
            row = await self._pool.fetchrow(SUPERSEDE, silent.message, silent.attempt, silent.beat, worker)
        return _job(row) if row else None

    async def release(self, worker: str) -> int:
        """Give back everything that `worker` writes; returns how many answers that are."""
        async with translated():
            return len(await self._pool.fetch(RELEASE, worker))

    async def settle(
        self,
        message: str,
        room: str,
        attempt: int | None,
        status: Status,
        text: str,
        sources: list[Source],
        usage: Usage | None = None,
        *,
        found: bool | None = None,
        unsupported: int = 0,
    ) -> Message | None:
        """End an attempt (None: whichever is live). Returns the final message, or None: fenced, or over already.

        `found`: whether the documents held anything on the question; `unsupported`: how many citations were dropped.
        """
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            rev = await connection.fetchval(
                "SELECT chat_settle($1::uuid, $2::uuid, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8, $9::int2)",
                message,
                room,
                attempt,
                status,
                text,
                msgspec.json.encode(sources).decode(),
                msgspec.json.encode(usage).decode() if usage else None,
                found,
                min(unsupported, 32_767),
            )
            if rev is None:
                return None
            settled = wire.decode_message(await connection.fetchval(reading.MESSAGE, message))
        ANSWERS.add(label=status)
        TOKENS.add(usage.prompt if usage else 0, "prompt")
        TOKENS.add(usage.completion if usage else 0, "completion")
        return settled

    async def retry(self, message: str, room: str, attempt: int, *, trace: str = "") -> Message | None:
        """Make an ended answer live again; None when `attempt` is not the one that ended, or a person owns the room.

        `trace`: the `traceparent` of who asks for it.
        """
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            rev = await connection.fetchval("SELECT chat_retry($1::uuid, $2::uuid, $3)", message, room, attempt)
            if rev is None:
                return None
            if trace:
                await connection.execute(RETRACE, message, trace)
            return wire.decode_message(await connection.fetchval(reading.MESSAGE, message))

    async def context(self, job: Job, *, history: int = 12) -> Question:
        """The question of an answer, with up to `history` earlier messages. Raises `NotFound` when it is gone."""
        async with translated():
            row = await self._pool.fetchrow(CONTEXT, job.message, wire.ASSISTANT_ID, history)
        if row is None:
            raise NotFound("The question is gone.")
        return Question(
            text=without_mention(row["text"], row["assistant_name"]),
            history=_turns.decode(row["history"]) if row["history"] else (),
            collections=_ids.decode(row["collections"]) if row["collections"] else (),
            locale=row["locale"],
            withheld=row["withheld"],
        )


def _job(row: asyncpg.Record) -> Job:
    return Job(
        message=str(row["message"]),
        room=str(row["room"]),
        attempt=row["attempt"],
        losses=row["losses"],
        trace=row["trace"] or "",
    )
