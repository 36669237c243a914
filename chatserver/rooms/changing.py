"""Changes of messages, members and settings. Each raises the room's `rev` under the room's lock, in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from chatserver.database import Connection, Pool, translated
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.ids import uuid7
from chatserver.protocol.frames import Member, Message, Policy, Role, RoomKind
from chatserver.rooms import reading, wire
from chatserver.rooms.types import RoomChange

__all__ = ["Changing"]

MEMBERS_MAX = 10_000
CONVERSATIONS_MAX = 50
"""Of one visitor with one site."""


class Changing:
    """Needs `_pool`. Every method raises `Unavailable` when PostgreSQL is away."""

    _pool: Pool

    # --- messages ----------------------------------------------------------------------------------------------------

    async def edit(self, message: str, room: str, text: str) -> tuple[Message, bool]:
        """The message as it now reads, and whether that is new. Raises `Conflict` for a live or deleted message."""
        return await self._change("SELECT chat_edit($1::uuid, $2::uuid, $3)", message, room, text)

    async def delete(self, message: str, room: str) -> tuple[Message, bool]:
        """The tombstone, and whether it is new. A live answer ends."""
        return await self._change("SELECT chat_delete($1::uuid, $2::uuid)", message, room)

    async def _change(self, query: str, message: str, room: str, *values: str) -> tuple[Message, bool]:
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            rev = await connection.fetchval(query, message, room, *values)
            if rev is None:
                raise Conflict("A live answer or a deleted message can't be changed.")
            return wire.decode_message(await connection.fetchval(reading.MESSAGE, message)), bool(rev)

    async def rate(self, message: str, user: str, score: int, comment: str) -> None:
        """One rating per user and message; the latest stands."""
        async with translated():
            await self._pool.execute(
                """INSERT INTO rooms_rating(message_id, user_id, score, comment, created)
                   VALUES ($1::uuid, $2::uuid, $3, $4, now())
                   ON CONFLICT (message_id, user_id) DO UPDATE SET score = $3, comment = $4, created = now()""",
                message,
                user,
                score,
                comment,
            )

    async def read(self, room: str, user: str, seq: int) -> tuple[int, int, bool] | None:
        """Advance a read position: (position, unread, whether it moved). None for somebody who is no member."""
        async with translated():
            row = await self._pool.fetchrow(
                f"""WITH old AS (SELECT b.id, b.read FROM rooms_member b
                       WHERE b.room_id = $1::uuid AND b.user_id = $2::uuid FOR UPDATE),
                     b AS (UPDATE rooms_member m SET read = greatest(m.read,
                             least($3, (SELECT h.rev FROM rooms_head h WHERE h.room = m.room_id)))
                       FROM old WHERE m.id = old.id RETURNING m.*)
                   SELECT b.read, b.read > old.read AS moved, {wire.UNREAD} AS unread
                     FROM b JOIN old ON old.id = b.id""",
                room,
                user,
                seq,
            )
        return (row["read"], row["unread"], row["moved"]) if row else None

    # --- rooms -------------------------------------------------------------------------------------------------------

    async def create_room(
        self, site: str, kind: RoomKind, title: str, policy: Policy, members: Sequence[tuple[str, Role]]
    ) -> str:
        """A new room with its members; returns its id. Raises `Invalid` for a site or a member that does not exist."""
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            return await _insert_room(connection, site, kind, title, policy, members)

    async def support_room(self, site: str, visitor: str, title: str, *, fresh: bool = False) -> tuple[str, bool]:
        """Where the site's assistant and operators talk with this visitor: the conversation that was active last, or
        with `fresh` one without messages; and whether it was made just now. Raises `Conflict` when there are too many.
        """
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            # The visitor's row is the lock: two pages of one browser open at the same time.
            await connection.execute("SELECT 1 FROM sites_visitor WHERE user_id = $1::uuid FOR UPDATE", visitor)
            rooms = await connection.fetch(
                """SELECT r.id, m.created IS NULL AS empty FROM rooms_member b JOIN rooms_room r ON r.id = b.room_id
                   LEFT JOIN LATERAL (SELECT x.created FROM rooms_message x WHERE x.room_id = r.id
                                      ORDER BY x.seq DESC LIMIT 1) m ON true
                   WHERE b.user_id = $1::uuid AND r.site_id = $2::uuid AND r.kind = 'support'
                   ORDER BY coalesce(m.created, r.created) DESC""",
                visitor,
                site,
            )
            found = next((room["id"] for room in rooms if room["empty"] or not fresh), None)
            if found is not None:
                return str(found), False
            if len(rooms) >= CONVERSATIONS_MAX:
                raise Conflict(f"A visitor may have {CONVERSATIONS_MAX} conversations: go on in one of them.")
            return await _insert_room(connection, site, "support", title, "always", [(visitor, "member")]), True

    async def update_room(self, room: str, *, title: str | None = None, policy: Policy | None = None) -> RoomChange:
        async with self._changing(room) as connection:
            await connection.execute(
                "UPDATE rooms_room SET title = coalesce($2, title), policy = coalesce($3, policy) WHERE id = $1::uuid",
                room,
                title,
                policy,
            )
            return await _changed(connection, room)

    async def add_member(self, room: str, user: str, role: Role = "member") -> RoomChange:
        """Add a member, or give one another role. Raises `Conflict` when the room is full."""
        async with self._changing(room) as connection:
            count = await connection.fetchval("SELECT count(*) FROM rooms_member WHERE room_id = $1::uuid", room)
            if count >= MEMBERS_MAX:
                raise Conflict(f"A room holds at most {MEMBERS_MAX} members.")
            await _insert_member(connection, room, user, role)
            return await _changed(connection, room, changed=user)

    async def remove_member(self, room: str, user: str) -> RoomChange:
        """Raises `NotFound` for somebody who is no member, `Conflict` for the last owner among others."""
        async with self._changing(room) as connection:
            role = await connection.fetchval(
                "DELETE FROM rooms_member WHERE room_id = $1::uuid AND user_id = $2::uuid RETURNING role", room, user
            )
            if role is None:
                raise NotFound
            orphaned = role == "owner" and await connection.fetchval(
                """SELECT count(*) > 0 AND NOT bool_or(role = 'owner') FROM rooms_member WHERE room_id = $1::uuid""",
                room,
            )
            if orphaned:
                raise Conflict("Make somebody else an owner first.")
            change = await _changed(connection, room)
            return RoomChange(room=room, rev=change.rev, meta=change.meta, removed=(user,))

    async def delete_room(self, room: str) -> list[str]:
        """Delete the room and all in it; returns the ids of those who were in it."""
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM rooms_head WHERE room = $1::uuid FOR UPDATE", room)
            members = await connection.fetch("SELECT user_id FROM rooms_member WHERE room_id = $1::uuid", room)
            # Django's cascades are its own, not the schema's: children first.
            for query in (
                "DELETE FROM rooms_rating WHERE message_id IN (SELECT id FROM rooms_message WHERE room_id = $1::uuid)",
                "DELETE FROM rooms_job WHERE room = $1::uuid",
                "DELETE FROM rooms_message WHERE room_id = $1::uuid",
                "DELETE FROM rooms_member WHERE room_id = $1::uuid",
                "DELETE FROM rooms_head WHERE room = $1::uuid",
                "DELETE FROM rooms_room WHERE id = $1::uuid",
            ):
                await connection.execute(query, room)
        return [str(row["user_id"]) for row in members]

    async def take_over(self, room: str, owner: str) -> tuple[RoomChange, list[Message]] | None:
        """Give the room to an operator; its live answers end as `stopped`. None: somebody else has it."""
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT * FROM chat_take_over($1::uuid, $2::uuid)", room, owner)
            if row is None:
                raise NotFound
            if str(row["owner"]) != owner or not row["revs"]:
                return None
            ended = await connection.fetch(
                f"""SELECT {wire.MESSAGE} AS wire FROM rooms_message m JOIN sites_user a ON a.id = m.author_id
                    JOIN rooms_room r ON r.id = m.room_id JOIN sites_site s ON s.id = r.site_id
                    WHERE m.room_id = $1::uuid AND m.rev = ANY($2::bigint[]) ORDER BY m.rev""",
                room,
                row["revs"],
            )
            change = await _changed(connection, room)
        change = RoomChange(room=room, rev=row["revs"][0], meta=change.meta)
        return change, [wire.decode_message(message["wire"]) for message in ended]

    async def hand_back(self, room: str, owner: str) -> RoomChange:
        """Let the assistant answer again. Raises `Conflict` when `owner` does not have the room."""
        async with self._changing(room) as connection:
            had = await connection.fetchval(
                "UPDATE rooms_head SET owner = NULL WHERE room = $1::uuid AND owner = $2::uuid RETURNING room",
                room,
                owner,
            )
            if had is None:
                raise Conflict("You do not have this room.")
            return await _changed(connection, room)

    @asynccontextmanager
    async def _changing(self, room: str) -> AsyncIterator[Connection]:
        """A transaction that holds the room's lock and has raised `rev` and `meta_rev`."""
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            found = await connection.fetchval(
                "UPDATE rooms_head SET rev = rev + 1, meta_rev = rev + 1 WHERE room = $1::uuid RETURNING room", room
            )
            if found is None:
                raise NotFound
            yield connection


async def _insert_room(
    connection: Connection, site: str, kind: RoomKind, title: str, policy: Policy, members: Sequence[tuple[str, Role]]
) -> str:
    room = str(uuid7())
    made = await connection.fetchval(
        """INSERT INTO rooms_room(id, site_id, kind, title, policy, created)
           SELECT $1::uuid, s.id, $3, $4, $5, now() FROM sites_site s WHERE s.id = $2::uuid RETURNING id""",
        *(room, site, kind, title, policy),
    )
    if made is None:
        raise Invalid("site", "there is no such site.")
    await connection.execute("INSERT INTO rooms_head(room, rev, meta_rev, floor) VALUES ($1::uuid, 0, 0, 0)", room)
    for user, role in members:
        await _insert_member(connection, room, user, role)
    return room


async def _insert_member(connection: Connection, room: str, user: str, role: Role) -> None:
    # A new member has read what was said before.
    done = await connection.fetchval(
        """INSERT INTO rooms_member(room_id, user_id, role, read, joined)
           SELECT h.room, u.id, $3, h.rev, now() FROM rooms_head h, sites_user u
            WHERE h.room = $1::uuid AND u.id = $2::uuid AND u.is_active
           ON CONFLICT (room_id, user_id) DO UPDATE SET role = $3 RETURNING id""",
        room,
        user,
        role,
    )
    if done is None:
        raise Invalid("user", "there is no such user.")


async def _changed(connection: Connection, room: str, changed: str | None = None) -> RoomChange:
    row = await connection.fetchrow(
        f"""SELECT h.rev, {wire.META} AS meta, {wire.MEMBERS} AS members
            FROM rooms_room r JOIN rooms_head h ON h.room = r.id WHERE r.id = $1::uuid""",
        room,
    )
    assert row is not None  # the caller holds its lock
    members: list[Member] = wire.decode_members(row["members"]) if changed else []
    return RoomChange(
        room=room,
        rev=row["rev"],
        meta=wire.decode_meta(row["meta"]),
        members=tuple(member for member in members if member.id == changed),
    )
