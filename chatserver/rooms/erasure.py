"""What one person has said, taken out of the rooms: texts become tombstones, and no client keeps them.

Their messages, and the answers to their questions, get a new `rev` as tombstones; the room's `floor` rises to it, so
that every client gets a snapshot and forgets their name, too (docs/protocol.md). Each step is one transaction under the
room's lock and may be repeated. Synchronous, through Django's connection.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from chatserver.rooms.models import Head, Member, Message, Room
from chatserver.sites.models import Kind, User

__all__ = ["Left", "leave_room", "rooms_of"]

BATCH = 500
"""Questions in one transaction, which holds the room's lock."""

# What is erased has no cid: that is how a repetition tells.
OWN = """SELECT id, answer FROM rooms_message WHERE room_id = %(room)s AND author_id = %(user)s
  AND NOT (status = 'deleted' AND cid IS NULL AND body_hash IS NULL) ORDER BY seq LIMIT %(limit)s"""
END = "UPDATE rooms_job SET state = 'done' WHERE message = ANY(%(ids)s) AND state <> 'done'"
ERASE = """UPDATE rooms_message m SET rev = h.rev + n.ord, status = 'deleted', text = '', sources = '[]', usage = NULL,
    cid = NULL, body_hash = NULL, attempt = coalesce(j.attempt, m.attempt)
  FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY n(id, ord) JOIN rooms_head h ON h.room = %(room)s
  LEFT JOIN rooms_job j ON j.message = n.id WHERE m.id = n.id AND m.room_id = %(room)s"""
RAISE = "UPDATE rooms_head SET rev = rev + %(count)s, floor = rev + %(count)s WHERE room = %(room)s"
LEAVE = """UPDATE rooms_head SET rev = rev + 1, meta_rev = rev + 1, floor = rev + 1,
  owner = CASE WHEN owner = %(user)s THEN NULL ELSE owner END WHERE room = %(room)s"""


class Left(Struct):
    """What was done in rooms. `answers`: those to the person's questions; `owners`: people who became owner of a room
    that had no other."""

    messages: int = 0
    answers: int = 0
    rooms_left: int = 0
    rooms_deleted: int = 0
    owners: int = 0


def rooms_of(user: User) -> list[UUID]:
    """Every room in which they are, were heard, or answer for the assistant."""
    found = {
        *Member.objects.filter(user=user).values_list("room", flat=True),
        *Message.objects.filter(author=user).values_list("room", flat=True).distinct(),
        *Head.objects.filter(owner=user).values_list("room", flat=True),
    }
    return sorted(found)


def leave_room(room: UUID, user: User, left: Left) -> None:
    """Take the person and all they have said out of a room; the room goes, too, when it is theirs alone, or the
    conversation of a visitor. What is done is added to `left`."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not _lock(cursor, room):
            return
        found = Room.objects.get(pk=room)
        others = Member.objects.filter(room=room).exclude(user=user)
        if (found.kind == Room.Kind.SUPPORT and user.kind == Kind.VISITOR) or not others.exists():
            left.messages += Message.objects.filter(room=room, author=user).count()
            left.rooms_deleted += 1
            found.delete()  # clients hear of it by the sweep
            return
        mine = Member.objects.filter(room=room, user=user).first()
        if mine is not None or Head.objects.filter(room=room, owner=user).exists():
            if mine is not None:
                left.owners += _hand_on(mine)
                mine.delete()  # nothing can be appended by them from here on
            cursor.execute(LEAVE, {"room": room, "user": user.pk})
            left.rooms_left += 1
    while _erase_some(room, user, left):
        pass


def _lock(cursor: Any, room: UUID) -> bool:
    cursor.execute("SET LOCAL lock_timeout = '10s'")
    cursor.execute("SELECT 1 FROM rooms_head WHERE room = %s FOR NO KEY UPDATE", [room])
    return cursor.fetchone() is not None


def _hand_on(mine: Member) -> bool:
    """A room keeps an owner: a moderator, else whoever is there longest."""
    others = Member.objects.filter(room=mine.room_id).exclude(pk=mine.pk)
    if mine.role != Member.Role.OWNER or others.filter(role=Member.Role.OWNER).exists():
        return False
    people = others.filter(user__is_active=True).order_by("joined", "pk")
    heir = people.filter(role=Member.Role.MODERATOR).first() or people.first()
    if heir is None:
        return False
    heir.role = Member.Role.OWNER
    heir.save(update_fields=["role"])
    return True


def _erase_some(room: UUID, user: User, left: Left) -> bool:
    """False when there is nothing more."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not _lock(cursor, room):
            return False
        cursor.execute(OWN, {"room": room, "user": user.pk, "limit": BATCH})
        own = cursor.fetchall()
        if not own:
            return False
        answers = [answer for _, answer in own if answer is not None]
        ids = [id_ for id_, _ in own] + answers
        values: dict[str, Any] = {"room": room, "ids": ids, "count": len(ids)}
        for query in (END, ERASE, RAISE):
            cursor.execute(query, values)
    left.messages += len(own)
    left.answers += len(answers)
    return True
