"""Who speaks: every way of proving it ends in a `Principal`. Reads through asyncpg; nothing here blocks the loop."""

from __future__ import annotations

import time
from collections import OrderedDict

import asyncpg
import msgspec
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare
from msgspec import Struct

from chatserver.config import Config
from chatserver.database import Pool, translated
from chatserver.errors import Forbidden, Unauthenticated
from chatserver.protocol.frames import User
from chatserver.sites import models
from chatserver.sites.texts import SiteText, text_for
from chatserver.sites.tokens import TICKET_PREFIX, Tokens

__all__ = ["Principal", "Principals", "SiteEntry"]

ORIGIN_SECONDS = 5.0
ORIGINS_MAX = 1000
SITES_MAX = 100

USER = """SELECT u.id, u.username, u.name, u.kind, u.password, u.is_active, u.is_superuser, v.site_id, s.closed,
  (SELECT json_object_agg(m.site_id, m.role) FROM sites_sitemember m WHERE m.user_id = u.id) AS roles
  FROM sites_user u LEFT JOIN sites_visitor v ON v.user_id = u.id LEFT JOIN sites_site s ON s.id = v.site_id
  WHERE u.id = $1::uuid"""

_roles = msgspec.json.Decoder(dict[str, str])


class Principal(Struct, frozen=True, kw_only=True):
    """An authenticated user. `site`: a visitor's; `roles`: site id -> admin, operator or member; `expires`: when the
    credentials end, in Unix seconds, None for never.
    """

    user: User
    site: str | None = None
    superuser: bool = False
    roles: dict[str, str] = {}
    expires: float | None = None

    def manages(self, site: str) -> bool:
        """May change the site, its rooms and its documents."""
        return self.superuser or self.roles.get(site) == "admin"

    def operates(self, site: str) -> bool:
        """May answer the site's visitors."""
        return self.superuser or self.roles.get(site) in ("admin", "operator")


class SiteEntry(Struct, frozen=True, kw_only=True):
    """A site as one of its users sees it; `assistant` is the name its assistant goes by, `suggestions` are questions
    to begin with.
    """

    id: str
    name: str
    assistant: str
    suggestions: tuple[str, ...]
    role: str


class Principals:
    """All `from_*` raise `Unauthenticated`, `Forbidden` (a closed site) and `Unavailable`."""

    def __init__(self, pool: Pool, config: Config) -> None:
        self.tokens = Tokens(pool, config)
        self._pool = pool
        self._origins: OrderedDict[str, tuple[float, bool]] = OrderedDict()

    async def from_cookie(self, session: str) -> Principal:
        """From the key in Django's session cookie."""
        row = await self._fetch(
            "SELECT session_data, expire_date FROM django_session WHERE session_key = $1 AND expire_date > now()",
            session,
        )
        if row is None:
            raise Unauthenticated
        said = SessionStore().decode(row["session_data"])  # checks the signature; reads nothing
        user = await self._row(str(said.get(SESSION_KEY, "")))
        if not _same_password(str(said.get(HASH_SESSION_KEY, "")), user["password"]):
            raise Unauthenticated
        return _principal(user, expires=row["expire_date"].timestamp())

    async def from_bearer(self, token: str) -> Principal:
        """From an access token."""
        access = self.tokens.check_access(token)
        return _principal(await self._row(access.user), expires=access.expires)

    async def from_ticket(self, ticket: str, origin: str | None) -> Principal:
        """From a ticket, which is spent by this."""
        return _principal(await self._row(await self.tokens.redeem(ticket, origin)))

    async def from_token(self, token: str, origin: str | None) -> Principal:
        """From whichever of the two a client gives as its token."""
        if token.startswith(TICKET_PREFIX):
            return await self.from_ticket(token, origin)
        return await self.from_bearer(token)

    async def from_user(self, user: str) -> Principal:
        """Of a user who has proved it elsewhere."""
        return _principal(await self._row(user))

    async def sites(self, principal: Principal, locale: str = "") -> list[SiteEntry]:
        """The first of the sites that a user belongs to, by name; of a superuser all, as their administrator.
        `locale`: the language of their texts, where they have it.
        """
        async with translated():
            rows = await self._pool.fetch(
                """SELECT id, name, assistant_name, suggestions, locale, texts FROM sites_site
                   WHERE $1 OR id = ANY($2::uuid[]) ORDER BY lower(name), id LIMIT $3""",
                principal.superuser,
                list(principal.roles),
                SITES_MAX,
            )
        return [
            SiteEntry(
                id=str(row["id"]),
                name=row["name"],
                assistant=row["assistant_name"],
                suggestions=text_for(
                    SiteText(suggestions=tuple(row["suggestions"])), row["locale"], row["texts"], locale
                ).suggestions,
                role="admin" if principal.superuser else principal.roles[str(row["id"])],
            )
            for row in rows
        ]

    async def is_site_origin(self, origin: str) -> bool:
        """Whether an open site lists `origin`; a change is seen within 5 s."""
        now = time.monotonic()
        at, known = self._origins.get(origin, (float("-inf"), False))
        if now - at < ORIGIN_SECONDS:
            return known
        row = await self._fetch("SELECT 1 FROM sites_site WHERE $1 = ANY(origins) AND NOT closed LIMIT 1", origin)
        known = row is not None
        self._origins[origin] = (now, known)
        self._origins.move_to_end(origin)
        if len(self._origins) > ORIGINS_MAX:
            self._origins.popitem(last=False)
        return known

    async def _row(self, user: str) -> asyncpg.Record:
        row = await self._fetch(USER, user)
        if row is None or not row["is_active"]:
            raise Unauthenticated
        if row["closed"]:
            raise Forbidden("This site is closed.")
        return row

    async def _fetch(self, query: str, value: str) -> asyncpg.Record | None:
        """One row; None also for a `value` that PostgreSQL can't hold (NUL) or read (as a UUID): nobody has that."""
        try:
            async with translated():
                return await self._pool.fetchrow(query, value)
        except asyncpg.DataError:
            return None


def _same_password(said: str, password: str) -> bool:
    """Django's own rule: a session ends with the password it began under, but outlives a rotated SECRET_KEY."""
    user = models.User(password=password)
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(said, known) for known in hashes)


def _principal(row: asyncpg.Record, *, expires: float | None = None) -> Principal:
    return Principal(
        user=User(id=str(row["id"]), name=row["name"] or row["username"], kind=row["kind"]),
        site=str(row["site_id"]) if row["site_id"] else None,
        superuser=row["is_superuser"],
        roles=_roles.decode(row["roles"]) if row["roles"] else {},
        expires=expires,
    )
