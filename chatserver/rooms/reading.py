"""Reads of rooms: `realtime.ports.Truth`, and what commands need to know. Each call is one statement, one snapshot."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from chatserver.database import Pool, translated
from chatserver.protocol.frames import (
    CHANGES_MAX,
    SNAPSHOT_MESSAGES,
    Message,
    Role,
    RoomEntry,
    RoomSummary,
    Status,
)
from chatserver.realtime.ports import Head, Pending, RoomPosition, RoomState
from chatserver.rooms import wire
from chatserver.rooms.types import MessageInfo, Person, Room

__all__ = ["Reading"]

EPOCH = "(SELECT e.name FROM rooms_epoch e WHERE e.id = 1) || '-' || (SELECT timeline_id FROM pg_control_checkpoint())"
"""This database, and its timeline: the promotion of a replica may have lost revs that were acknowledged."""

PENDING = """(SELECT json_agg(json_build_object('message', j.message, 'attempt', j.attempt) ORDER BY j.message)
  FROM rooms_job j WHERE j.room = r.id AND j.state <> 'done')"""

LOAD = f"""SELECT r.id, h.rev, h.meta_rev, h.floor, {EPOCH} AS epoch, {wire.META} AS meta, {wire.MEMBERS} AS members,
  (SELECT json_agg(m.wire ORDER BY m.seq) FROM (
     SELECT m.seq, {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
      WHERE m.room_id = r.id ORDER BY m.seq DESC LIMIT {SNAPSHOT_MESSAGES}) m) AS messages,
  {PENDING} AS pending
  FROM rooms_room r JOIN rooms_head h ON h.room = r.id JOIN sites_site s ON s.id = r.site_id
  WHERE r.id = ANY($1::uuid[])"""

CHANGES = f"""SELECT r.id, h.rev, h.meta_rev, h.floor, {EPOCH} AS epoch,
  CASE WHEN h.meta_rev > p.meta THEN {wire.META} END AS meta,
  CASE WHEN h.meta_rev > p.meta THEN {wire.MEMBERS} END AS members,
  CASE WHEN h.rev > p.rev THEN (SELECT json_agg(m.wire ORDER BY m.rev) FROM (
     SELECT m.rev, {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
      WHERE m.room_id = r.id AND m.rev > p.rev ORDER BY m.rev LIMIT {CHANGES_MAX + 1}) m) END AS messages,
  {PENDING} AS pending
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) p(room, rev, meta)
  JOIN rooms_room r ON r.id = p.room JOIN rooms_head h ON h.room = r.id JOIN sites_site s ON s.id = r.site_id"""

BARRED = """SELECT p.id FROM unnest($1::uuid[]) p(id)
  WHERE NOT EXISTS (SELECT 1 FROM sites_user u WHERE u.id = p.id AND u.is_active)"""

ENTRY = f"""json_build_object('room', r.id, 'rev', h.rev, 'title', r.title, 'kind', r.kind, 'policy', r.policy,
  'role', b.role, 'read', b.read, 'unread', {wire.UNREAD}, 'last', l.wire)"""
LAST = f"""LEFT JOIN LATERAL (SELECT {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
  WHERE m.room_id = r.id AND m.status <> 'deleted' ORDER BY m.seq DESC LIMIT 1) l ON true"""

# Activity is the creation of the latest message: it is in the index, and a room without one counts from its own.
ENTRIES = f"""SELECT {ENTRY} AS wire FROM (
    SELECT b.*, coalesce((SELECT m.created FROM rooms_message m WHERE m.room_id = b.room_id
                          ORDER BY m.seq DESC LIMIT 1),
                         b.joined) AS active
      FROM rooms_member b WHERE b.user_id = $1::uuid AND ($3::uuid[] IS NULL OR b.room_id = ANY($3::uuid[]))
     ORDER BY active DESC LIMIT $2) b
  JOIN rooms_room r ON r.id = b.room_id JOIN rooms_head h ON h.room = r.id JOIN sites_site s ON s.id = r.site_id
  {LAST} ORDER BY b.active DESC"""

SUMMARIES = f"""SELECT b.user_id, json_build_object('type', 'room.summary', 'room', r.id, 'rev', h.rev,
    'unread', {wire.UNREAD}, 'last', l.wire) AS wire
  FROM unnest($1::uuid[], $2::uuid[]) p(usr, room) JOIN rooms_member b ON b.user_id = p.usr AND b.room_id = p.room
  JOIN rooms_room r ON r.id = b.room_id JOIN rooms_head h ON h.room = r.id JOIN sites_site s ON s.id = r.site_id
  {LAST}"""

HISTORY = f"""SELECT {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
  JOIN rooms_room r ON r.id = m.room_id JOIN sites_site s ON s.id = r.site_id
  WHERE m.room_id = $1::uuid AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3"""

MESSAGE = f"""SELECT {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
  JOIN rooms_room r ON r.id = m.room_id JOIN sites_site s ON s.id = r.site_id WHERE m.id = $1::uuid"""

# Of the users who belong to a site, which are few beside its visitors.
PEOPLE = """SELECT u.id, u.username, u.kind, CASE WHEN u.name <> '' THEN u.name ELSE u.username END AS shown
  FROM sites_user u
  WHERE u.id IN (SELECT user_id FROM sites_sitemember WHERE $1::uuid[] IS NULL OR site_id = ANY($1::uuid[]))
    AND u.is_active AND u.kind IN ('user', 'operator') AND u.id <> $2::uuid
    AND (lower(u.username) LIKE $3 OR ' ' || lower(u.name) LIKE '% ' || $3)
    AND NOT EXISTS (SELECT 1 FROM rooms_member b WHERE b.room_id = $5::uuid AND b.user_id = u.id)
  ORDER BY lower(CASE WHEN u.name <> '' THEN u.name ELSE u.username END), u.id LIMIT $4"""
_LIKE = re.compile(r"[\\%_]")

_pending = msgspec.json.Decoder(list[Pending])
_entry = msgspec.json.Decoder(RoomEntry)
_summary = msgspec.json.Decoder(RoomSummary)


class Reading:
    """Needs `_pool`. Every method raises `Unavailable` when PostgreSQL is away."""

    _pool: Pool

    async def epoch(self) -> str:
        async with translated():
            return str(await self._pool.fetchval(f"SELECT {EPOCH}"))

    async def load(self, rooms: Sequence[str]) -> dict[str, RoomState | None]:
        async with translated():
            rows = await self._pool.fetch(LOAD, rooms)
        return dict.fromkeys(rooms) | {str(row["id"]): _state(row) for row in rows}

    async def changes(self, positions: Mapping[str, RoomPosition]) -> dict[str, RoomState | None]:
        revs = [position.rev for position in positions.values()]
        metas = [position.meta_rev for position in positions.values()]
        async with translated():
            rows = await self._pool.fetch(CHANGES, list(positions), revs, metas)
        return dict.fromkeys(positions) | {str(row["id"]): _state(row) for row in rows}

    async def heads(self, rooms: Sequence[str]) -> dict[str, Head]:
        async with translated():
            rows = await self._pool.fetch(
                "SELECT room, rev, meta_rev, floor FROM rooms_head WHERE room = ANY($1::uuid[])", rooms
            )
        return {str(row["room"]): Head(row["rev"], row["meta_rev"], row["floor"]) for row in rows}

    async def barred(self, users: Sequence[str]) -> set[str]:
        async with translated():
            rows = await self._pool.fetch(BARRED, users)
        return {str(row["id"]) for row in rows}

    async def entries(
        self, user: str, *, limit: int, rooms: Sequence[str] | None = None
    ) -> tuple[list[RoomEntry], bool]:
        async with translated():
            rows = await self._pool.fetch(ENTRIES, user, limit + 1, rooms)
        return [_entry.decode(row["wire"]) for row in rows[:limit]], len(rows) > limit

    async def summaries(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, RoomSummary]]:
        async with translated():
            rows = await self._pool.fetch(SUMMARIES, [user for user, _ in pairs], [room for _, room in pairs])
        return [(str(row["user_id"]), _summary.decode(row["wire"])) for row in rows]

    async def history(self, room: str, before: int, limit: int) -> tuple[list[Message], bool]:
        """Up to `limit` messages with a `seq` below `before`, newest first, and whether there are more."""
        async with translated():
            rows = await self._pool.fetch(HISTORY, room, before, limit + 1)
        return [wire.decode_message(row["wire"]) for row in rows[:limit]], len(rows) > limit

    async def message(self, message: str) -> Message | None:
        async with translated():
            json = await self._pool.fetchval(MESSAGE, message)
        return wire.decode_message(json) if json else None

    async def message_room(self, message: str) -> MessageInfo | None:
        """Where a message is and whose it is."""
        async with translated():
            row = await self._pool.fetchrow(
                """SELECT m.room_id, m.author_id, a.kind, m.status, m.attempt, m.question FROM rooms_message m
                   JOIN sites_user a ON a.id = m.author_id WHERE m.id = $1::uuid""",
                message,
            )
        return _info(row) if row else None

    async def answer_to(self, room: str, author: str, cid: str) -> str | None:
        """The answer to the question that `author` sent as `cid`, if it has one."""
        async with translated():
            answer = await self._pool.fetchval(
                "SELECT answer FROM rooms_message WHERE room_id = $1::uuid AND author_id = $2::uuid AND cid = $3",
                room,
                author,
                cid,
            )
        return str(answer) if answer else None

    async def people(self, site: str, users: Sequence[str]) -> set[str]:
        """Those of `users` who belong to the site, as members or visitors."""
        async with translated():
            rows = await self._pool.fetch(
                """SELECT user_id FROM sites_sitemember WHERE site_id = $1::uuid AND user_id = ANY($2::uuid[])
                   UNION SELECT user_id FROM sites_visitor WHERE site_id = $1::uuid AND user_id = ANY($2::uuid[])""",
                site,
                users,
            )
        return {str(row["user_id"]) for row in rows}

    async def find_people(
        self, sites: Sequence[str] | None, user: str, text: str, limit: int, room: str | None = None
    ) -> tuple[list[Person], bool]:
        """Active members of the sites (None: of any) whose user name, or a word of whose name, begins with `text`, but
        not `user`, nor who is in `room`; and whether there are more.
        """
        pattern = _LIKE.sub(r"\\\g<0>", text.strip().lower()) + "%"
        async with translated():
            rows = await self._pool.fetch(PEOPLE, sites, user, pattern, limit + 1, room)
        people = [
            Person(id=str(row["id"]), name=row["shown"], kind=row["kind"], username=row["username"]) for row in rows
        ]
        return people[:limit], len(people) > limit

    async def sites(self) -> list[str]:
        """The ids of the first few sites."""
        async with translated():
            rows = await self._pool.fetch("SELECT id FROM sites_site ORDER BY created LIMIT 2")
        return [str(row["id"]) for row in rows]

    async def room(self, room: str, user: str) -> Room | None:
        """The room and `user`'s role in it; None when there is no such room."""
        async with translated():
            row = await self._pool.fetchrow(
                f"""SELECT r.id, r.site_id, h.rev, {wire.META} AS meta,
                      (SELECT b.role FROM rooms_member b WHERE b.room_id = r.id AND b.user_id = $2::uuid) AS role
                    FROM rooms_room r JOIN rooms_head h ON h.room = r.id WHERE r.id = $1::uuid""",
                room,
                user,
            )
        if row is None:
            return None
        role: Role | None = row["role"]
        return Room(
            id=str(row["id"]), site=str(row["site_id"]), meta=wire.decode_meta(row["meta"]), rev=row["rev"], role=role
        )


def _state(row: asyncpg.Record) -> RoomState:
    return RoomState(
        room=str(row["id"]),
        epoch=row["epoch"],
        rev=row["rev"],
        meta_rev=row["meta_rev"],
        floor=row["floor"],
        messages=wire.decode_messages(row["messages"]),
        pending=_pending.decode(row["pending"]) if row["pending"] else [],
        meta=wire.decode_meta(row["meta"]) if row["meta"] else None,
        members=wire.decode_members(row["members"]) if row["meta"] else None,
    )


def _info(row: asyncpg.Record) -> MessageInfo:
    status: Status = row["status"]
    return MessageInfo(
        room=str(row["room_id"]),
        author=str(row["author_id"]),
        kind=row["kind"],
        status=status,
        attempt=row["attempt"],
        question=str(row["question"]) if row["question"] else None,
    )
