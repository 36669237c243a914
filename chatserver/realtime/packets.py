"""How events travel between processes: a kind, and the very JSON that the sockets get."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from chatserver.protocol.frames import (
    AnswerDelta,
    AnswerStage,
    LiveAnswer,
    MessageEvent,
    RoomAdded,
    RoomGone,
    RoomRead,
    RoomSummary,
    RoomTyping,
    RoomUpdated,
    RoomYou,
)
from chatserver.realtime.writers import Tail

__all__ = [
    "DOCUMENT", "RoomEvent", "UserEvent", "decode_event", "decode_snapshot", "decode_tail", "decode_told", "encode",
    "kind",
]  # fmt: skip

type RoomEvent = MessageEvent | RoomUpdated | AnswerStage | AnswerDelta | RoomTyping | RoomRead
type UserEvent = RoomAdded | RoomSummary | RoomYou | RoomGone

DOCUMENT = "document:"
"""Begins the kind of a `DocumentEvent`; the id of the user whom it is for follows."""

encode = msgspec.json.Encoder().encode
_event: msgspec.json.Decoder[RoomEvent] = msgspec.json.Decoder(
    MessageEvent | RoomUpdated | AnswerStage | AnswerDelta | RoomTyping | RoomRead
)
_told: msgspec.json.Decoder[UserEvent] = msgspec.json.Decoder(RoomAdded | RoomSummary | RoomYou | RoomGone)
_snapshot = msgspec.json.Decoder(LiveAnswer)
_tail = msgspec.json.Decoder(Tail)
_KINDS = frozenset({"message", "room.updated", "answer.stage", "answer.delta", "room.typing", "room.read"})


def kind(event: Struct) -> str:
    """The event's `type`."""
    return str(event.__struct_config__.tag)


def decode_event(kind: str, data: bytes) -> RoomEvent | None:
    """None for a kind that this version does not know: another process may be newer."""
    return _event.decode(data) if kind in _KINDS else None


def decode_told(data: bytes) -> UserEvent:
    return _told.decode(data)


def decode_snapshot(data: bytes) -> LiveAnswer:
    return _snapshot.decode(data)


def decode_tail(data: bytes) -> Tail:
    return _tail.decode(data)
