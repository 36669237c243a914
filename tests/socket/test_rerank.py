"""Reranking endpoints of both forms, over real TCP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatserver.config import load
from chatserver.errors import ProviderError
from chatserver.providers.detect import choose_reranker
from chatserver.providers.rerank import TEXT_CHARS, HttpReranker
from tests.small_http import Reply, Request, http_server

KEY = "sk-very-secret"
TEXTS = ["about tea", "about buses", "about towers"]

type Answer = Callable[[Request], Reply]


async def rank(answer: Answer, model: str = "", texts: list[str] = TEXTS) -> tuple[list[float], list[Request]]:
    async with http_server(answer) as http:
        reranker = HttpReranker(f"{http.url}/v1/", model, KEY)
        try:
            return await reranker.rank("When does the bus leave?", texts), http.requests
        finally:
            await reranker.aclose()


def cohere(request: Request) -> Reply:
    assert "texts" not in request.body
    scores = [0.1, 0.9, 0.3]
    best = sorted(range(3), key=lambda n: -scores[n])
    return Reply({"results": [{"index": n, "relevance_score": scores[n], "document": {"text": ""}} for n in best]})


def tei(request: Request) -> Reply:
    assert request.body.keys() == {"query", "texts"}
    return Reply([{"index": 1, "score": 0.9}, {"index": 2, "score": -0.3}, {"index": 0, "score": -4.0}])


async def test_a_named_model_is_asked_in_coheres_form() -> None:
    scores, (request,) = await rank(cohere, "some-model")
    assert scores == [0.1, 0.9, 0.3]
    assert (request.path, request.body["model"], request.body["documents"]) == ("/v1/rerank", "some-model", TEXTS)
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_without_a_name_it_is_text_embeddings_inference() -> None:
    scores, _ = await rank(tei)
    assert scores == [-4.0, 0.9, -0.3]


async def test_long_texts_are_cut_and_none_asks_nothing() -> None:
    def one(request: Request) -> Reply:
        assert [len(text) for text in request.body["texts"]] == [TEXT_CHARS]
        return Reply([{"index": 0, "score": 1}])

    assert (await rank(one, texts=["word " * 5_000]))[0] == [1.0]
    assert await rank(one, texts=[]) == ([], [])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: Reply({"results": [{"index": 0, "relevance_score": 1}]}), "malformed"),
        (lambda _: Reply([{"index": n} for n in range(3)]), "malformed"),
        (lambda _: Reply([{"index": 0, "score": 1}] * 3), "malformed"),
        (lambda _: Reply(b"<html>"), "malformed"),
        (lambda _: Reply({"error": f"no such key {KEY}"}, status=401), "auth"),
        (lambda _: Reply({"detail": "busy"}, status=503), "overloaded"),
    ],
)
async def test_what_is_no_ranking_is_an_error(answer: Answer, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ProviderError) as caught:
        await rank(answer)
    assert caught.value.kind == kind
    assert KEY not in f"{caught.value} {caplog.text}"


async def test_the_settings_name_it() -> None:
    assert choose_reranker(load({})) is None
    chosen = choose_reranker(load({"RERANK_BASE_URL": "http://127.0.0.1:9/v1", "RERANK_MODEL": "m"}))
    assert chosen is not None
    assert chosen.name == "m"
    await chosen.aclose()
