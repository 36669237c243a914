"""Which collections somebody may be answered from."""

from __future__ import annotations

from chatserver.database import Pool, translated
from chatserver.sites.principals import Principal

__all__ = ["collections_for"]


async def collections_for(pool: Pool, principal: Principal, name: str | None = None) -> tuple[str, ...]:
    """Ids of those that they may read, of the sites that they belong to or are a visitor of; only those called (or with
    the id) `name`, when that is given. Raises `Unavailable`.
    """
    sites = [principal.site] if principal.site else list(principal.roles)
    async with translated():
        rows = await pool.fetch(
            """SELECT id FROM knowledge_collection c
               WHERE ($1 OR c.site_id = ANY($2::uuid[])) AND knowledge_readable(c, $3::uuid)
                 AND ($4::text IS NULL OR c.name = $4 OR c.id::text = $4)""",
            principal.superuser,
            sites,
            principal.user.id,
            name,
        )
    return tuple(str(row["id"]) for row in rows)
