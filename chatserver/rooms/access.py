"""Who may do what in a room: the one door through which commands and calls reach a room or a message."""

from __future__ import annotations

from enum import Enum

from chatserver.errors import Forbidden, NotFound
from chatserver.rooms.store import Store
from chatserver.rooms.types import MessageInfo, Room
from chatserver.sites.principals import Principal

__all__ = ["Right", "message_for", "rights", "room_for"]


class Right(Enum):
    READ = "read this room"
    POST = "write here"
    MODERATE = "change other people's messages"
    MANAGE = "change this room"
    OPERATE = "answer for the assistant here"


_BY_ROLE: dict[str | None, frozenset[Right]] = {
    None: frozenset(),
    "member": frozenset({Right.READ, Right.POST}),
    "moderator": frozenset({Right.READ, Right.POST, Right.MODERATE}),
    "owner": frozenset({Right.READ, Right.POST, Right.MODERATE, Right.MANAGE}),
}


def rights(principal: Principal, room: Room) -> frozenset[Right]:
    """By the role in the room and, on top of it, the one in its site. Posting always needs membership."""
    found = _BY_ROLE[room.role]
    if principal.manages(room.site):
        found |= {Right.READ, Right.MODERATE, Right.MANAGE}
    if room.meta.kind == "support" and principal.operates(room.site):
        found |= {Right.READ, Right.OPERATE}
    return found


async def room_for(store: Store, principal: Principal, room: str, right: Right) -> Room:
    """The room, if `principal` has `right` in it. Raises `NotFound` when they may not read it, else `Forbidden`."""
    found = await store.room(room, principal.user.id)
    held = rights(principal, found) if found else frozenset()
    if found is None or Right.READ not in held:
        raise NotFound
    if right not in held:
        raise Forbidden(f"You may not {right.value}.")
    return found


async def message_for(store: Store, principal: Principal, message: str) -> tuple[MessageInfo, Room, frozenset[Right]]:
    """A message in a room that `principal` may read, with the room and their rights there. Raises `NotFound`."""
    info = await store.message_room(message)
    if info is None:
        raise NotFound
    room = await room_for(store, principal, info.room, Right.READ)
    return info, room, rights(principal, room)
