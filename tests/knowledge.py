"""Something to be answered from, as cheaply as possible."""

from __future__ import annotations

from chatserver.database import Pool
from chatserver.ids import uuid7
from chatserver.knowledge.index import LanceIndex
from chatserver.rag.types import Passage
from tests.records import Site


async def add_text(pool: Pool, index: LanceIndex, site: Site, title: str, text: str) -> str:
    """One passage in a public collection of its own; returns the collection's id."""
    collection = str(uuid7())
    await pool.execute(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created)
           VALUES ($1::uuid, $2::uuid, $3, 'public', now())""",
        collection,
        site.id,
        title,
    )
    await index.add([Passage(chunk=str(uuid7()), document=str(uuid7()), collection=collection, title=title, text=text)])
    return collection
