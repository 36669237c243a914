"""Visitors of sites: anonymous ones known by a token in their browser, and those whom their site vouches for.

A person stays one visitor with one history: an anonymous visitor whom the site then signs in keeps the history. But the
token of somebody who was signed in proves nothing by itself: the next person at that browser is somebody else.
"""

from __future__ import annotations

import secrets

import asyncpg
from msgspec import Struct

from chatserver.database import Connection, Pool, translated
from chatserver.errors import Forbidden, NotFound
from chatserver.ids import uuid7
from chatserver.sites.texts import SiteText, text_for
from chatserver.sites.tokens import Identity, check_identity, digest, new_token

__all__ = ["SiteLook", "Visit", "Visitors"]


class SiteLook(Struct, frozen=True, kw_only=True):
    """What a page shows of a site before anybody has said anything."""

    name: str
    theme: str
    """As JSON."""
    locale: str


class Visit(Struct, frozen=True, kw_only=True):
    """A visitor who came. `token`: for their browser to keep; empty when it has none to keep."""

    user: str
    token: str
    site: str
    site_name: str
    assistant: str
    text: SiteText
    theme: str
    """As JSON."""
    locale: str


class Visitors:
    """Raises `Unavailable` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self, key: str, origin: str) -> SiteLook:
        """How a page of `origin` shows the site's widget. Makes no visitor. Raises `NotFound`, `Forbidden`."""
        async with translated(), self._pool.acquire() as connection:
            site = await _site(connection, key, origin)
        return SiteLook(name=site["name"], theme=site["theme"], locale=site["locale"])

    async def come(self, key: str, origin: str, token: str = "", identity: str = "", locale: str = "") -> Visit:
        """A page of `origin` shows the site's widget, in language `locale`, by default the site's own.

        Raises `NotFound`, `Forbidden`, `Invalid` (identity).
        """
        async with translated(), self._pool.acquire() as connection, connection.transaction():
            site = await _site(connection, key, origin)
            if identity:
                user, kept = await self._known(connection, site["id"], token, check_identity(identity, site["secret"]))
            else:
                user, kept = await self._anonymous(connection, site["id"], token)
        return Visit(
            user=user,
            token=kept,
            site=str(site["id"]),
            site_name=site["name"],
            assistant=site["assistant_name"],
            text=text_for(
                SiteText(site["greeting"], tuple(site["suggestions"])), site["locale"], site["texts"], locale
            ),
            theme=site["theme"],
            locale=site["locale"],
        )

    async def _anonymous(self, connection: Connection, site: object, token: str) -> tuple[str, str]:
        if token and (user := await self._by_token(connection, site, token)):
            return user, token
        token = new_token()
        return await _create(connection, site, token, Identity("")), token

    async def _known(self, connection: Connection, site: object, token: str, who: Identity) -> tuple[str, str]:
        # Two devices at once: the second waits for the first to have made the visitor.
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{site}/{who.subject}")
        user = await connection.fetchval(
            """UPDATE sites_visitor SET seen = now(), email = coalesce(nullif($3, ''), email)
               WHERE site_id = $1 AND subject = $2 RETURNING user_id""",
            site,
            who.subject,
            who.email,
        )
        if user is None and token and (user := await self._by_token(connection, site, token)):
            await connection.execute(
                "UPDATE sites_visitor SET subject = $2, email = $3 WHERE user_id = $1::uuid",
                user,
                who.subject,
                who.email,
            )
        if user is None:
            token = new_token()
            return await _create(connection, site, token, who), token
        if who.name:
            await connection.execute("UPDATE sites_user SET name = $2 WHERE id = $1::uuid", str(user), who.name)
        return str(user), token

    async def _by_token(self, connection: Connection, site: object, token: str) -> str | None:
        """An anonymous visitor of this site, by token."""
        row: asyncpg.Record | None = await connection.fetchrow(
            """UPDATE sites_visitor v SET seen = now() FROM sites_user u
               WHERE v.token_digest = $1 AND v.site_id = $2 AND v.subject IS NULL AND u.id = v.user_id AND u.is_active
               RETURNING v.user_id""",
            digest(token),
            site,
        )
        return str(row["user_id"]) if row else None


async def _site(connection: Connection, key: str, origin: str) -> asyncpg.Record:
    """Raises `NotFound`, `Forbidden`."""
    site = await connection.fetchrow(
        """SELECT id, name, origins, secret, greeting, suggestions, texts, theme, locale, assistant_name, closed
           FROM sites_site WHERE key = $1""",
        key,
    )
    if site is None:
        raise NotFound("There is no site with this key.")
    if site["closed"]:
        raise Forbidden("This site is closed.")
    if origin not in site["origins"]:
        raise Forbidden("This site does not list the page's origin; add it to the site's origins.")
    return site


async def _create(connection: Connection, site: object, token: str, who: Identity) -> str:
    user = str(uuid7())
    await connection.execute(
        """INSERT INTO sites_user(id, username, name, kind, password, first_name, last_name, email, is_superuser,
                                  is_staff, is_active, date_joined)
           VALUES ($1::uuid, $2, $3, 'visitor', '!', '', '', '', false, false, true, now())""",
        user,
        f"visitor-{user}",
        who.name or f"Visitor {secrets.token_hex(2).upper()}",
    )
    await connection.execute(
        """INSERT INTO sites_visitor(user_id, site_id, subject, email, token_digest, created, seen)
           VALUES ($1::uuid, $2, $3, $4, $5, now(), now())""",
        user,
        site,
        who.subject or None,
        who.email,
        digest(token),
    )
    return user
