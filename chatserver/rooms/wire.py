"""Rows as the wire's objects: PostgreSQL builds the JSON and msgspec decodes it into frames."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from chatserver.protocol.frames import Member, Message, RoomMeta, User

__all__ = [
    "ASSISTANT_ID", "MESSAGE", "META", "UNREAD", "assistant", "decode_members", "decode_message", "decode_messages",
    "decode_meta", "rfc3339",
]  # fmt: skip

ASSISTANT_ID = "00000000-0000-7000-8000-000000000001"
"""`sites.models.ASSISTANT_ID`, without the ORM."""

_TIME = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""

MESSAGE = f"""json_build_object(
  'id', m.id, 'seq', m.seq, 'rev', m.rev,
  'author', json_build_object('id', a.id, 'kind', a.kind,
    'name', CASE WHEN a.kind = 'assistant' THEN s.assistant_name WHEN a.name <> '' THEN a.name ELSE a.username END),
  'cid', m.cid, 'text', m.text, 'status', m.status, 'attempt', m.attempt, 'reply_to', m.reply_to,
  'created', {_TIME.format("m.created")}, 'edited', {_TIME.format("m.edited")}, 'sources', m.sources)"""
"""Of `rooms_message m JOIN sites_user a ON a.id = m.author_id`, in a room of `sites_site s`."""

META = """json_build_object('title', r.title, 'kind', r.kind, 'policy', r.policy, 'owner', h.owner,
  'members', (SELECT count(*) FROM rooms_member c WHERE c.room_id = r.id))"""
"""Of `rooms_room r JOIN rooms_head h ON h.room = r.id`."""

MEMBERS = """(SELECT json_agg(json_build_object('id', u.id, 'kind', u.kind, 'role', b.role, 'read', b.read,
  'name', CASE WHEN u.name <> '' THEN u.name ELSE u.username END) ORDER BY b.id)
  FROM rooms_member b JOIN sites_user u ON u.id = b.user_id WHERE b.room_id = r.id)"""

UNREAD = """(SELECT count(*) FROM (SELECT 1 FROM rooms_message x WHERE x.room_id = b.room_id AND x.seq > b.read
  AND x.author_id <> b.user_id AND x.status <> 'deleted' LIMIT 99) y)"""
"""Of `rooms_member b`, capped at 99."""

_message = msgspec.json.Decoder(Message)
_messages = msgspec.json.Decoder(list[Message])
_members = msgspec.json.Decoder(list[Member])
_meta = msgspec.json.Decoder(RoomMeta)


def decode_message(json: str) -> Message:
    return _message.decode(json)


def decode_messages(json: str | None) -> list[Message]:
    return _messages.decode(json) if json else []


def decode_members(json: str | None) -> list[Member]:
    return _members.decode(json) if json else []


def decode_meta(json: str) -> RoomMeta:
    return _meta.decode(json)


def rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def assistant(name: str) -> User:
    """The author of answers, under the name its site gives it."""
    return User(id=ASSISTANT_ID, name=name, kind="assistant")
