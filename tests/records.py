"""Rows to test with, made as cheaply as possible."""

from __future__ import annotations

from dataclasses import dataclass, field

from chatserver.database import Pool
from chatserver.ids import uuid7
from chatserver.protocol.frames import Policy, Role, RoomKind, User
from chatserver.rooms.store import Store
from chatserver.rooms.types import Draft


@dataclass
class Site:
    """A site with users and rooms."""

    pool: Pool
    id: str = field(default_factory=lambda: str(uuid7()))
    key: str = "test"

    async def create(self, origins: tuple[str, ...] = ()) -> Site:
        await self.pool.execute(
            """INSERT INTO sites_site(id, key, name, origins, secret, greeting, theme, locale, assistant_name, closed,
                                      created)
               VALUES ($1::uuid, $2, 'Test', $3, 'secret-secret-secret-secret-secret', 'Hello!', '{}', 'en', 'Robo',
                       false, now())""",
            self.id,
            self.key,
            list(origins),
        )
        return self

    async def user(self, name: str, *, kind: str = "user", superuser: bool = False) -> User:
        id_ = str(uuid7())
        await self.pool.execute(
            """INSERT INTO sites_user(id, username, name, kind, password, first_name, last_name, email, is_superuser,
                                      is_staff, is_active, date_joined)
               VALUES ($1::uuid, $2, $3, $4, '!', '', '', '', $5, $5, true, now())""",
            id_,
            f"{name}-{id_}",
            name,
            kind,
            superuser,
        )
        return User(id=id_, name=name, kind=kind)  # type: ignore[arg-type]

    async def join(self, user: User, role: str = "member") -> None:
        await self.pool.execute(
            "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, $3)",
            self.id,
            user.id,
            role,
        )

    async def room(
        self, store: Store, *users: User, policy: Policy = "always", kind: RoomKind = "group", title: str = "Room"
    ) -> str:
        """A room whose first user owns it."""
        roles: list[Role] = ["owner", *(["member"] * (len(users) - 1))]
        members = [(user.id, role) for user, role in zip(users, roles, strict=True)]
        return await store.create_room(self.id, kind, title, policy, members)


def draft(room: str, author: User, cid: str, text: str = "Hello", **fields: object) -> Draft:
    return Draft(room=room, author=author, cid=cid, text=text, id=str(uuid7()), answer=str(uuid7()), **fields)  # type: ignore[arg-type]
