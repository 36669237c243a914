"""The gap report: questions that got no good answer, and what becomes of one when somebody writes the answer.

Reading is asyncpg, for the server; writing goes through Django's connection, in the transaction that makes the document
and in the worker that makes it found. A closed gap is one of `ClosedGap`; it opens again when the answer was written
anew and is no better.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Literal, get_args
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from chatserver.database import Pool, translated
from chatserver.errors import ProviderError
from chatserver.knowledge.clusters import group
from chatserver.providers.base import Embedder, Vector
from chatserver.text import cjk_share

__all__ = [
    "CONSIDERED", "Gap", "Reason", "Unanswered", "ask_again", "close", "clustered", "question_of", "site_of",
    "unanswered",
]  # fmt: skip

log = logging.getLogger(__name__)

CONSIDERED = 1000
"""Questions, the newest first."""
EMBEDDED = 200
"""Of those, the newest are compared by their meaning too."""
EMBED_BATCH = 32
EMBED_SECONDS = 5.0
CJK_SHARE = 0.3
"""Of a question's letters: above it, the vectors of a model that knows only English are noise."""
WAITED_FOR = "1 day"
"""A document that takes longer to be found than this changes no answer any more: nobody expects it to."""

type Reason = Literal["failed", "not_found", "unsupported", "disliked"]

# The first part is what an index on rooms_message covers: few answers of many. A rating from before the answer was
# written anew says nothing about the new one.
UNANSWERED = """WITH bad AS (
    SELECT m.* FROM rooms_message m
     WHERE m.id >= $2::uuid AND (m.status = 'failed' OR NOT m.found OR m.unsupported > 0)
    UNION ALL SELECT m.* FROM rooms_message m
     WHERE m.id IN (SELECT message_id FROM rooms_rating WHERE score < 0 AND message_id >= $2::uuid)
       AND (m.status = 'failed' OR NOT m.found OR m.unsupported > 0) IS NOT TRUE),
  seen AS (
    SELECT m.id, m.room_id, q.text, q.created, r.site_id, s.assistant_name, m.status, m.found,
           m.unsupported > 0 AND m.sources = '[]' AS unsupported,
           EXISTS (SELECT 1 FROM rooms_rating t WHERE t.message_id = m.id AND t.score < 0
                    AND (g.asked_again IS NULL OR t.created > g.asked_again)) AS disliked
      FROM bad m JOIN rooms_message q ON q.id = m.question
      JOIN rooms_room r ON r.id = m.room_id JOIN sites_site s ON s.id = r.site_id
      LEFT JOIN knowledge_closedgap g ON g.message = m.id
     WHERE ($1::uuid[] IS NULL OR r.site_id = ANY($1)) AND q.status <> 'deleted' AND q.text <> ''
       AND m.status IN ('complete', 'stopped', 'failed') AND (g.message IS NULL OR g.asked_again IS NOT NULL)),
  reasoned AS (
    SELECT *, CASE WHEN status = 'failed' THEN 'failed'
                   WHEN status = 'complete' AND NOT found THEN 'not_found'
                   WHEN status = 'complete' AND unsupported THEN 'unsupported'
                   WHEN disliked THEN 'disliked' END AS reason
      FROM seen)
  SELECT * FROM reasoned WHERE reason IS NOT NULL ORDER BY id DESC LIMIT $3"""

SITES = """SELECT r.site_id, count(*) FROM rooms_message m JOIN rooms_room r ON r.id = m.room_id
  WHERE m.id = ANY(%s) AND m.question IS NOT NULL GROUP BY r.site_id"""

QUESTION = """SELECT q.text, s.assistant_name FROM rooms_message m JOIN rooms_message q ON q.id = m.question
  JOIN rooms_room r ON r.id = m.room_id JOIN sites_site s ON s.id = r.site_id WHERE m.id = %s"""

# `closed` is the same for all rows of a call: it tells which of them belong together.
CLOSE = """INSERT INTO knowledge_closedgap(message, site_id, document_id, closed_by_id, closed)
  SELECT unnest(%s::uuid[]), %s::uuid, %s::uuid, %s::uuid, now()
  ON CONFLICT (message) DO UPDATE SET document_id = excluded.document_id, closed_by_id = excluded.closed_by_id,
    closed = excluded.closed, asked_again = NULL"""

TO_ASK = """SELECT g.message, m.room_id, j.attempt FROM knowledge_closedgap g
  JOIN rooms_message m ON m.id = g.message JOIN rooms_job j ON j.message = g.message
  WHERE g.document_id = %s::uuid AND g.asked_again IS NULL AND g.closed > now() - %s::interval AND NOT EXISTS (
    SELECT 1 FROM knowledge_closedgap o
     WHERE o.document_id = g.document_id AND o.asked_again IS NOT NULL AND o.closed >= g.closed)
  ORDER BY g.message DESC"""


class Unanswered(Struct, frozen=True, kw_only=True):
    """A question whose answer (`message`) was not good. `assistant`: the name it may be addressed by."""

    message: str
    room: str
    site: str
    text: str
    assistant: str
    asked: datetime
    reason: Reason


class Gap(Struct, frozen=True, kw_only=True):
    """Questions that ask for the same thing, the newest first; `id` is the newest one's answer."""

    id: str
    site: str
    questions: list[Unanswered]

    def reasons(self) -> dict[str, int]:
        found = dict.fromkeys(get_args(Reason.__value__), 0)
        for question in self.questions:
            found[question.reason] += 1
        return found


# --- the report ------------------------------------------------------------------------------------------------------


async def unanswered(pool: Pool, sites: list[UUID] | None, days: int) -> list[Unanswered]:
    """The newest questions without a good answer of the last `days`, in every room of `sites` (None: all). Raises
    `Unavailable`."""
    since = datetime.now(UTC) - timedelta(days=days)
    # An id begins with the milliseconds at which it was made (`chatserver.ids`).
    first = UUID(int=int(since.timestamp() * 1000) << 80)
    async with translated():
        rows = await pool.fetch(UNANSWERED, sites, first, CONSIDERED)
    return [
        Unanswered(
            message=str(row["id"]),
            room=str(row["room_id"]),
            site=str(row["site_id"]),
            text=row["text"],
            assistant=row["assistant_name"],
            asked=row["created"],
            reason=row["reason"],
        )
        for row in rows
    ]


async def clustered(questions: Sequence[Unanswered], embedder: Embedder | None = None) -> list[Gap]:
    """Those of one site that ask for the same thing, together; the largest groups first, then the newest. `questions`:
    the newest first."""
    vectors = await _vectors([question.text for question in questions[:EMBEDDED]], embedder)
    vectors += [None] * (len(questions) - len(vectors))
    return await asyncio.to_thread(_gaps, questions, vectors)


def _gaps(questions: Sequence[Unanswered], vectors: Sequence[list[float] | None]) -> list[Gap]:
    gaps = []
    for site in dict.fromkeys(question.site for question in questions):
        own = [(each, vector) for each, vector in zip(questions, vectors, strict=True) if each.site == site]
        for members in group([each.text for each, _ in own], [vector for _, vector in own]):
            together = [own[index][0] for index in members]
            gaps.append(Gap(id=together[0].message, site=site, questions=together))
    gaps.sort(key=lambda gap: gap.id, reverse=True)
    return sorted(gaps, key=lambda gap: -len(gap.questions))


async def _vectors(texts: Sequence[str], embedder: Embedder | None) -> list[list[float] | None]:
    """None for each text that the embedder doesn't know or has no time for: words alone compare it."""
    found: list[list[float] | None] = [None] * len(texts)
    if embedder is None:
        return found
    known = [i for i, text in enumerate(texts) if embedder.multilingual or cjk_share(text) <= CJK_SHARE]
    try:
        async with asyncio.timeout(EMBED_SECONDS):
            for batch in batched(known, EMBED_BATCH, strict=False):
                for i, vector in zip(batch, await embedder.embed([texts[i] for i in batch], query=True), strict=True):
                    found[i] = vector
    except (ProviderError, TimeoutError) as error:
        log.warning("gap report: questions are compared by their words alone: %s", str(error) or "no vectors in time")
    makers = {vector.embedder for vector in found if isinstance(vector, Vector)}
    # The embedder was changed for another in between: their vectors have nothing in common.
    return found if len(makers) <= 1 else [None] * len(texts)


# --- what is done about one ------------------------------------------------------------------------------------------


def site_of(messages: Iterable[UUID]) -> UUID | None:
    """The site that all of these answers belong to; None when one is no answer, or belongs to another."""
    wanted = set(messages)
    with connection.cursor() as cursor:
        cursor.execute(SITES, [list(wanted)])
        found = cursor.fetchall()
    return found[0][0] if len(found) == 1 and found[0][1] == len(wanted) else None


def question_of(message: UUID) -> tuple[str, str]:
    """What was asked, and by which name the assistant may be addressed there."""
    with connection.cursor() as cursor:
        cursor.execute(QUESTION, [message])
        text, assistant = cursor.fetchone() or ("", "")
    return text, assistant


def close(messages: Iterable[UUID], site: UUID, *, by: str, document: str | None = None) -> None:
    """Take the questions of these answers out of the report. With `document`, the latest of them is written anew once
    that is found (`ask_again`)."""
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, [sorted(set(messages)), site, document, by])


def ask_again(document: str) -> str | None:
    """Called whenever a document can be found by its words: have the latest answer that it was written for written
    anew, if that has not been done. Returns which; may be called any number of times."""
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time: the second one has to see what the first has done.
        cursor.execute("SELECT 1 FROM knowledge_document WHERE id = %s FOR NO KEY UPDATE", [document])
        cursor.execute(TO_ASK, [document, WAITED_FOR])
        for message, room, attempt in cursor.fetchall():
            # Refused where the message is gone, is being written, or a person answers by now: then the one before it.
            cursor.execute("SELECT chat_retry(%s, %s, %s)", [message, room, attempt])
            if cursor.fetchone() != (None,):
                cursor.execute("UPDATE knowledge_closedgap SET asked_again = now() WHERE message = %s", [message])
                return str(message)
    return None
