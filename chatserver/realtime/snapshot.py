"""Builds `room.changes`: what brings a client from its position to the replica's, within the object's 256 KiB. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
from msgspec import UNSET

from chatserver.protocol.frames import (
    OBJECT_BYTES,
    AnswerDelta,
    AnswerStage,
    LiveAnswer,
    Member,
    Message,
    MessageEvent,
    Presence,
    RoomChanges,
    RoomMeta,
    RoomUpdated,
)
from chatserver.realtime.live import as_events
from chatserver.realtime.shelf import Row

__all__ = ["Content", "Out", "changes_for", "encode", "reset_for"]

MEMBERS_MAX = 100
SLACK = 256
"""Bytes for the fields that are filled in last."""
ANSWERS_BYTES = 96 * 1024

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Out:
    """One object for the sockets of a room: `data` is its encoding.

    `over`: (answer, attempt) whose pending deltas, up to that attempt, are void from here on: ended, begun anew, or
    contained in `event`.
    """

    event: MessageEvent | RoomUpdated | RoomChanges | AnswerDelta | AnswerStage
    data: bytes
    over: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A room at `rev`, as far as it is to be shown. `messages` ascend by rev."""

    room: str
    rev: int
    meta_rev: int
    meta: RoomMeta | None
    members: Sequence[Member]
    messages: Sequence[Row]
    answers: Sequence[LiveAnswer]


def changes_for(content: Content, since: int, presence: Presence | None, *, whole: bool = False) -> list[Out]:
    """Everything after `since`. What does not fit is left for the client to ask for (`more`), or follows if `whole`."""
    answers, later = _split_answers(content)
    outs: list[Out] = []
    rows = list(content.messages)
    while True:
        news = since < content.meta_rev
        changes = RoomChanges(room=content.room, rev=content.rev, answers=answers)
        if news:
            _with_meta(changes, content, presence)
        taken = _fitting(rows, OBJECT_BYTES - len(encode(changes)) - SLACK)
        part, rows = rows[:taken], rows[taken:]
        if rows:
            changes.rev = part[-1].rev
            if content.meta_rev > changes.rev:
                changes.meta = changes.members = changes.presence = UNSET  # comes with the part that reaches it
        if rows and not whole:
            changes.more = True
        outs.append(_out(changes, part))
        if not rows or not whole:
            return [*outs, *later]
        since, answers = changes.rev, []


def reset_for(content: Content, presence: Presence | None) -> list[Out]:
    """A full snapshot: the latest messages that fit, settings, members."""
    answers, later = _split_answers(content)
    changes = RoomChanges(room=content.room, rev=content.rev, answers=answers, reset=True)
    _with_meta(changes, content, presence)
    newest = sorted(content.messages, key=lambda row: row.seq, reverse=True)
    taken = newest[: _fitting(newest, OBJECT_BYTES - len(encode(changes)) - SLACK)]
    return [_out(changes, sorted(taken, key=lambda row: row.rev)), *later]


def _with_meta(changes: RoomChanges, content: Content, presence: Presence | None) -> None:
    if content.meta is not None:
        changes.meta = content.meta
        changes.members = list(content.members[:MEMBERS_MAX])
        if presence is not None:
            changes.presence = presence


def _fitting(rows: Sequence[Row], budget: int) -> int:
    """How many rows fit, at least one."""
    for count, row in enumerate(rows):
        budget -= len(row.raw) + 1
        if budget < 0:
            return max(count, 1)
    return len(rows)


def _split_answers(content: Content) -> tuple[list[LiveAnswer], list[Out]]:
    """Live texts that fit into the object, and the others as deltas that replace the whole text."""
    fitting: list[LiveAnswer] = []
    later: list[Out] = []
    budget = ANSWERS_BYTES
    for answer in content.answers:
        budget -= len(encode(answer))
        if budget >= 0:
            fitting.append(answer)
            continue
        budget += len(encode(answer))
        stage, delta = as_events(content.room, answer)
        later.append(Out(stage, encode(stage), ((answer.message, answer.attempt),)))
        if delta:
            later.append(Out(delta, encode(delta)))
    return fitting, later


def _out(changes: RoomChanges, rows: Sequence[Row]) -> Out:
    # The rows are JSON already: an encoded message is never decoded to be encoded again.
    changes.messages = cast("list[Message]", [msgspec.Raw(row.raw) for row in rows])
    over = [(row.id, row.attempt - row.pending) for row in rows if row.answer]
    over += [(answer.message, answer.attempt) for answer in changes.answers]
    return Out(changes, encode(changes), tuple(over))
