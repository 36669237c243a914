"""A reranking model behind `POST /rerank`: it reads question and passage together, and tells better than any score.

With a model's name it speaks Cohere's form (`documents` in, `results` with `relevance_score` out), as Jina, vLLM and
Infinity do; without one that of Text Embeddings Inference, which serves a single model (`texts` in, a list with
`score` out).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from chatserver.providers.border import failure
from chatserver.providers.endpoint import Endpoint

__all__ = ["HttpReranker"]

MODEL = "reranking model"
TEXT_CHARS = 4_000
"""Of one passage; what these models read is about as long."""
REQUEST_SECONDS = 10.0
CONNECT_SECONDS = 3.0
BODY_BYTES = 1024 * 1024


class _Row(Struct):
    index: int
    relevance_score: float | None = None
    score: float | None = None

    @property
    def value(self) -> float:
        found = self.relevance_score if self.relevance_score is not None else self.score
        return math.nan if found is None else found


class _Results(Struct):
    results: list[_Row]


_reply = msgspec.json.Decoder(_Results | list[_Row])


class HttpReranker:
    """Implements `Reranker`. `base_url`: without its last path, `/rerank`."""

    def __init__(self, base_url: str, model: str = "", api_key: str = "") -> None:
        self.name = model or "reranker"
        self._model = model
        self._endpoint = Endpoint(
            f"{base_url.rstrip('/')}/rerank",
            api_key,
            model=MODEL,
            seconds=REQUEST_SECONDS,
            connect=CONNECT_SECONDS,
            body_bytes=BODY_BYTES,
        )

    async def aclose(self) -> None:
        await self._endpoint.aclose()

    async def rank(self, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text, in their order. Raises `ProviderError`."""
        if not texts:
            return []
        cut = [text[:TEXT_CHARS] for text in texts]
        answer = await self._endpoint.post(
            {"model": self._model, "query": query, "documents": cut} if self._model else {"query": query, "texts": cut}
        )
        try:
            reply = _reply.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise failure("malformed", str(error), model=MODEL) from error
        rows = reply.results if isinstance(reply, _Results) else reply
        scores = {row.index: row.value for row in rows}
        if sorted(scores) != list(range(len(texts))) or not all(map(math.isfinite, scores.values())):
            raise failure("malformed", f"scores for {len(scores)} of {len(texts)} texts", model=MODEL)
        return [scores[n] for n in range(len(texts))]
