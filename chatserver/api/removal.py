"""Documents go, from the index and from the records."""

from __future__ import annotations

from collections.abc import Sequence

from asgiref.sync import sync_to_async

from chatserver import wiring
from chatserver.knowledge import records

__all__ = ["remove"]


async def remove(documents: Sequence[str]) -> None:
    """Once this returns, no search that begins finds them. Raises `Unavailable`; it can be repeated then."""
    index = wiring.services().index
    # The index first: while that is away nothing has changed.
    await index.remove(documents)
    await sync_to_async(records.delete)(documents)
    # Deleting the record has waited for a worker that was just writing it to the index; no other begins after that.
    await index.remove(documents)
