"""The state of the search, for those who manage a site: by words or by meaning too, and what is on its way."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from ninja import Router

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.managed import Managed
from chatserver.api.wire import answer
from chatserver.knowledge import records
from chatserver.knowledge.models import Document

__all__ = ["router"]

router = Router(tags=["documents"])


@router.get("/knowledge", response=dict[str, Any])
async def knowledge(request: HttpRequest) -> HttpResponse:
    """`{embedder, serving, reembedding, documents, chunks}`: the embedding model of the settings, and the one that
    searches use (null: by words alone); `{done, total}` passages while documents get the vectors of another one, else
    null; how many documents have which status; how many passages are searched."""
    managed = Managed.by(await current(request))
    embedder = wiring.services().embedder
    documents, done, total = await sync_to_async(_count)(managed)
    return answer(
        {
            "embedder": embedder.configured if embedder else None,
            "serving": embedder.serving if embedder else None,
            "reembedding": {"done": done, "total": total} if embedder and embedder.reembedding else None,
            "documents": documents,
            "chunks": total,
        }
    )


def _count(managed: Managed) -> tuple[dict[str, int], int, int]:
    """Documents by status; vectors made, and passages searched."""
    counts = managed.documents().order_by().values_list("status").annotate(Count("pk"))
    searched = records.visible().filter(collection__in=managed.collections())
    passages = searched.aggregate(done=Sum("done"), total=Sum("total"))
    by_status = dict.fromkeys(Document.Status.values, 0) | dict(counts)
    return by_status, passages["done"] or 0, passages["total"] or 0
