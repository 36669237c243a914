"""What a search finds, as the assistant is shown it. For those who manage a site."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from chatserver import wiring
from chatserver.api.caller import current
from chatserver.api.fields import Text
from chatserver.api.managed import Managed
from chatserver.api.wire import answer
from chatserver.rag.pipeline import JUDGED
from chatserver.rag.relevance import relevant
from chatserver.rag.types import Passage

__all__ = ["router"]

router = Router(tags=["documents"])

FILTERED_DOCUMENTS = 100


class Search(Schema):
    query: Text = Field(min_length=1, max_length=2000)
    k: int = Field(6, ge=1, le=50)
    collection: UUID | None = None
    documents: list[UUID] = Field(default_factory=list, max_length=FILTERED_DOCUMENTS, description="only in these")


@router.post("/search", response=dict[str, Any])
async def search(request: HttpRequest, body: Search) -> HttpResponse:
    """What is found for a question, best first: `{passages: [{chunk, document, collection, title, text, ordinal,
    heading, page, url, start, end, score, lexical, dense, relevant}], embedder, dense, relevant}`. `lexical` (BM25) and
    `dense` (cosine) are the scores of the two legs, null where a leg did not find the passage; `score`, 0 to 1, is
    both. The assistant is shown the first of those that are `relevant`; when none is, it says that nothing was found.
    The leg of meaning was `used`, is `off` without an embedder or vectors, has no say in a question that its model does
    not know (`gated`), or `failed` with its endpoint. `documents`: search only these."""
    managed = Managed.by(await current(request))
    services = wiring.services()
    chosen = await sync_to_async(managed.searched)(body.collection)
    # As many as the assistant judges, whatever the page shows: how rare a word is shows only among many.
    only = [str(document) for document in body.documents]
    result = await services.retriever.search(body.query, chosen, max(JUDGED, body.k), only)
    found = result.passages
    shown = {passage.chunk for passage in relevant(body.query, found[:JUDGED])}
    return answer(
        {
            "passages": [_shown(passage, passage.chunk in shown) for passage in found[: body.k]],
            "embedder": services.embedder.serving if services.embedder else None,
            "dense": result.dense,
            "relevant": bool(shown),
        }
    )


def _shown(passage: Passage, shown: bool) -> dict[str, Any]:
    return {**msgspec.structs.asdict(passage), "relevant": shown}
