"""Writes of rooms and their members: authorise, commit, then publish to the room and tell those concerned."""

from __future__ import annotations

from collections.abc import Sequence

from chatserver.errors import Conflict, Forbidden, Invalid, NotFound
from chatserver.protocol.frames import (
    MessageEvent,
    Policy,
    Role,
    RoomAdded,
    RoomEntry,
    RoomGone,
    RoomKind,
    RoomUpdated,
    RoomYou,
)
from chatserver.realtime.hub import Hub
from chatserver.rooms.access import Right, room_for
from chatserver.rooms.store import Store
from chatserver.rooms.types import Person, RoomChange
from chatserver.sites.principals import Principal

__all__ = ["Managing"]

TITLE_CHARS = 200
INVITED_AT_ONCE = 100


class Managing:
    """Needs `_store` and `_hub`. Every method raises `Unavailable` when PostgreSQL is away."""

    _store: Store
    _hub: Hub

    async def entry(self, principal: Principal, room: str) -> RoomEntry:
        """The room as this user's list shows it. Raises `NotFound`."""
        found = await room_for(self._store, principal, room, Right.READ)
        entries, _ = await self._store.entries(principal.user.id, limit=1, rooms=[room])
        if entries:
            return entries[0]
        meta = found.meta  # read by right of the site, without being a member
        return RoomEntry(room=room, rev=found.rev, title=meta.title, kind=meta.kind, policy=meta.policy)

    async def create_room(
        self,
        principal: Principal,
        site: str | None,
        kind: RoomKind,
        title: str,
        policy: Policy,
        members: Sequence[str] = (),
    ) -> str:
        """A room that the caller owns; returns its id. `site` None: the caller's only one. Raises `Forbidden` for
        visitors, `Invalid` for members who are not of the site.
        """
        site = site or await self._only_site(principal)
        if site not in principal.roles and not principal.superuser:
            raise Forbidden("You may not create rooms in this site.")
        others = [member for member in dict.fromkeys(members) if member != principal.user.id]
        if len(others) > INVITED_AT_ONCE:
            raise Invalid("members", f"invite at most {INVITED_AT_ONCE} at once.")
        if kind == "direct" and len(others) != 1:
            raise Invalid("members", "a direct room has exactly one other member.")
        await self._check_people(site, others)
        roles: list[tuple[str, Role]] = [(principal.user.id, "owner"), *((other, "member") for other in others)]
        room = await self._store.create_room(site, kind, _title(title), policy, roles)
        for user, _ in roles:
            await self._tell_added(user, room)
        return room

    async def support_room(self, site: str, visitor: str, title: str, *, fresh: bool = False) -> str:
        """The visitor's conversation with the site; `fresh`: one that nothing was said in yet. Raises `Conflict`."""
        room, made = await self._store.support_room(site, visitor, title, fresh=fresh)
        if made:
            await self._tell_added(visitor, room)
        return room

    async def update_room(
        self, principal: Principal, room: str, *, title: str | None = None, policy: Policy | None = None
    ) -> RoomEntry:
        await room_for(self._store, principal, room, Right.MANAGE)
        self._publish_change(
            await self._store.update_room(room, title=None if title is None else _title(title), policy=policy)
        )
        return await self.entry(principal, room)

    async def find_people(
        self, principal: Principal, text: str, *, room: str | None = None, site: str | None = None, limit: int = 20
    ) -> tuple[list[Person], bool]:
        """Users whom the caller may invite, of their sites or the one named; with `room`, into that one. Raises
        `Forbidden` for visitors and for those who may not invite there.
        """
        if principal.user.kind == "visitor":
            raise Forbidden("Visitors do not invite people.")
        if room is not None:
            site = (await room_for(self._store, principal, room, Right.MANAGE)).site
        if site is not None and site not in principal.roles and not principal.superuser:
            raise Forbidden("You do not belong to this site.")
        sites = [site] if site is not None else None if principal.superuser else list(principal.roles)
        return await self._store.find_people(sites, principal.user.id, text, limit, room)

    async def invite(self, principal: Principal, room: str, user: str, role: Role = "member") -> None:
        """Add a member, or give one another role. Raises `Forbidden`, `Invalid`, `Conflict` when it is full."""
        found = await room_for(self._store, principal, room, Right.MANAGE)
        if found.meta.kind == "direct":
            raise Conflict("A direct room is for two; open a group instead.")
        await self._check_people(found.site, [user])
        known = await self._store.room(room, user)
        self._publish_change(await self._store.add_member(room, user, role))
        if known is None or known.role is None:
            await self._tell_added(user, room)
        else:
            entries, _ = await self._store.entries(user, limit=1, rooms=[room])
            for entry in entries:
                self._hub.tell(user, RoomYou(room=room, role=entry.role, read=entry.read, unread=entry.unread))

    async def remove_member(self, principal: Principal, room: str, user: str) -> None:
        """Take somebody out of the room, or leave it. Raises `Conflict` for its last owner among others."""
        right = Right.READ if user == principal.user.id else Right.MANAGE
        await room_for(self._store, principal, room, right)
        self._publish_change(await self._store.remove_member(room, user))
        self._hub.tell(user, RoomGone(room=room, code="removed"))

    async def delete_room(self, principal: Principal, room: str) -> None:
        await room_for(self._store, principal, room, Right.MANAGE)
        for user in await self._store.delete_room(room):
            self._hub.tell(user, RoomGone(room=room, code="deleted"))

    async def take_over(self, principal: Principal, room: str) -> None:
        """The operator answers from here on, the assistant is silent. Raises `Conflict` when another has the room."""
        found = await room_for(self._store, principal, room, Right.OPERATE)
        if found.role is None:
            self._publish_change(await self._store.add_member(room, principal.user.id, "moderator"))
            await self._tell_added(principal.user.id, room)
        outcome = await self._store.take_over(room, principal.user.id)
        if outcome is None:
            raise Conflict("This room has its operator already.")
        change, ended = outcome
        self._publish_change(change)
        for message in ended:
            self._hub.publish(room, MessageEvent(room=room, rev=message.rev, message=message))

    async def hand_back(self, principal: Principal, room: str) -> None:
        """Let the assistant answer again."""
        await room_for(self._store, principal, room, Right.OPERATE)
        self._publish_change(await self._store.hand_back(room, principal.user.id))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _publish_change(self, change: RoomChange) -> None:
        event = RoomUpdated(room=change.room, rev=change.rev, meta=change.meta)
        if change.members:
            event.members = list(change.members)
        if change.removed:
            event.removed = list(change.removed)
        self._hub.publish(change.room, event)

    async def _tell_added(self, user: str, room: str) -> None:
        entries, _ = await self._store.entries(user, limit=1, rooms=[room])
        for entry in entries:
            self._hub.tell(user, RoomAdded(room=entry))

    async def _check_people(self, site: str, users: Sequence[str]) -> None:
        strangers = set(users) - await self._store.people(site, users)
        if strangers:
            raise Invalid("members", f"not a user of this site: {', '.join(sorted(strangers))}.")

    async def _only_site(self, principal: Principal) -> str:
        if principal.user.kind == "visitor":
            raise Forbidden("Visitors do not create rooms.")
        if not principal.roles and not principal.superuser:
            raise Forbidden("You belong to no site.")
        sites = list(principal.roles) or await self._store.sites()
        if len(sites) != 1:
            raise Invalid("site", "name the site.") if sites else NotFound("There is no site yet.")
        return sites[0]


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not title or len(title) > TITLE_CHARS:
        raise Invalid("title", f"give 1 to {TITLE_CHARS} characters.")
    return title
