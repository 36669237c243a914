"""Embedding endpoints as they are found, over real TCP; and models that cannot be run here."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ConfigError, ProviderError
from chatserver.providers.embeddings import BATCH, IN_FLIGHT, INPUT_CHARS, SHORT_CHARS, OnnxEmbedder, OpenAIEmbedder
from tests.small_http import HTTP, Reply, Request, http_server

KEY = "sk-very-secret"

type Answer = Callable[[Request], Reply]


def vector(text: str) -> list[float]:
    """Not of length 1, and different for each text."""
    return [float(len(text)), 2.0, -1.0]


def unit(numbers: list[float]) -> list[float]:
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def rows(request: Request) -> list[dict[str, Any]]:
    return [{"index": at, "embedding": vector(text)} for at, text in enumerate(request.body["input"])]


def plain(request: Request) -> Reply:
    return Reply({"object": "list", "data": rows(request), "model": "m", "usage": {"prompt_tokens": 3}})


async def embed(
    answer: Answer, *texts: str, model: str = "some-model", retries: int = 0, query: bool = False
) -> tuple[list[list[float]], HTTP]:
    async with http_server(answer) as http:
        embedder = OpenAIEmbedder(f"{http.url}/v1/", model, KEY, retries=retries)
        try:
            return await embedder.embed(texts, query=query), http
        finally:
            await embedder.aclose()


async def refused(answer: Answer, *texts: str, retries: int = 0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await embed(answer, *texts, retries=retries)
    assert KEY not in str(caught.value)
    assert "embedding model" in caught.value.message
    return caught.value


def close(found: list[list[float]], expected: list[list[float]]) -> bool:
    return len(found) == len(expected) and all(
        math.dist(one, other) < 1e-6 for one, other in zip(found, expected, strict=True)
    )


async def test_vectors_of_length_one_in_the_order_of_the_texts() -> None:
    found, http = await embed(plain, "one", "three", "你好")
    assert close(found, [unit(vector(text)) for text in ("one", "three", "你好")])
    (request,) = http.requests
    assert (request.method, request.path) == ("POST", "/v1/embeddings")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {"model": "some-model", "input": ["one", "three", "你好"]}


async def test_rows_are_placed_by_their_index() -> None:
    found, _ = await embed(lambda request: Reply({"data": rows(request)[::-1]}), "a", "bb", "ccc")
    assert close(found, [unit(vector(text)) for text in ("a", "bb", "ccc")])


async def test_rows_without_an_index_are_in_order() -> None:
    def bare(request: Request) -> Reply:
        return Reply({"data": [{"embedding": row["embedding"]} for row in rows(request)]})

    found, _ = await embed(bare, "a", "bb")
    assert close(found, [unit(vector("a")), unit(vector("bb"))])


async def test_base64_that_nobody_asked_for() -> None:
    def packed(request: Request) -> Reply:
        for row in (found := rows(request)):
            row["embedding"] = base64.b64encode(struct.pack("<3f", *row["embedding"])).decode()
        return Reply({"data": found})

    found, _ = await embed(packed, "one", "three")
    assert close(found, [unit(vector("one")), unit(vector("three"))])


async def test_one_vector_per_token_becomes_their_mean() -> None:
    tokens = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    found, _ = await embed(lambda request: Reply({"data": [{"index": 0, "embedding": tokens}]}), "three tokens here")
    assert close(found, [unit([2 / 3, 2 / 3])])


async def test_texts_go_in_batches() -> None:
    texts = [f"{n}{'x' * n}" for n in range(BATCH * 2 + 1)]
    found, http = await embed(plain, *texts)
    assert close(found, [unit(vector(text)) for text in texts])
    assert [len(request.body["input"]) for request in http.requests] == [BATCH, BATCH, 1]


async def test_some_batches_are_under_way_at_once() -> None:
    texts = [f"{n}{'x' * n}" for n in range(BATCH * IN_FLIGHT * 2)]
    arrived = asyncio.Event()
    waiting = 0

    async def held(request: Request) -> AsyncIterator[bytes]:
        nonlocal waiting
        waiting += 1
        if waiting == IN_FLIGHT:
            arrived.set()
        await arrived.wait()
        yield json.dumps({"data": rows(request)}).encode()

    found, http = await embed(lambda request: Reply(held(request)), *texts)
    assert close(found, [unit(vector(text)) for text in texts])
    assert len(http.requests) == IN_FLIGHT * 2


async def test_a_batch_that_fails_ends_the_others() -> None:
    def third(request: Request) -> Reply:
        return Reply(b"", 401) if request.body["input"][0].startswith("64") else plain(request)

    assert (await refused(third, *(f"{n} words" for n in range(BATCH * 8)))).kind == "auth"


async def test_what_is_told_to_one_batch_holds_for_all() -> None:
    came: list[float] = []

    def busy_once(request: Request) -> Reply:
        came.append(asyncio.get_running_loop().time())
        return Reply(b"", 429, {"Retry-After": "0.3"}) if len(came) == 1 else plain(request)

    await embed(busy_once, *(f"{n} words" for n in range(BATCH * IN_FLIGHT * 2)), retries=1)
    # Those that were on their way came at once; all later ones after the pause.
    assert len(came) == IN_FLIGHT * 2 + 1
    assert all(at - came[0] >= 0.3 for at in came[IN_FLIGHT:])


async def test_nothing_to_embed_asks_nothing() -> None:
    found, http = await embed(plain)
    assert (found, http.requests) == ([], [])


async def test_an_empty_text_is_not_sent_as_such() -> None:
    found, http = await embed(plain, "", " \n", "word")
    assert len(found) == 3
    assert all(text.strip() for text in http.requests[0].body["input"])


async def test_long_texts_are_cut() -> None:
    _, http = await embed(plain, "x" * (INPUT_CHARS + 5))
    assert [len(text) for text in http.requests[0].body["input"]] == [INPUT_CHARS]


@pytest.mark.parametrize(
    ("model", "query", "sent"),
    [
        ("intfloat/multilingual-e5-small", True, "query: text"),
        ("intfloat/multilingual-e5-small", False, "passage: text"),
        ("intfloat/multilingual-e5-large-instruct", True, "text"),
        ("nomic-embed-text", True, "search_query: text"),
        ("nomic-embed-text", False, "search_document: text"),
        ("BAAI/bge-small-en-v1.5", True, "Represent this sentence for searching relevant passages: text"),
        ("BAAI/bge-small-en-v1.5", False, "text"),
        ("text-embedding-3-small", True, "text"),
    ],
)
async def test_each_model_sees_what_it_was_trained_on(model: str, query: bool, sent: str) -> None:
    _, http = await embed(plain, "text", model=model, query=query)
    assert http.requests[0].body["input"] == [sent]


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_too_long_a_text_is_sent_again_shorter(status: int) -> None:
    def limited(request: Request) -> Reply:
        if any(len(text) > SHORT_CHARS for text in request.body["input"]):
            return Reply({"error": {"message": "input is larger than the max context size"}}, status)
        return plain(request)

    found, http = await embed(limited, "short", "long " * 1000, retries=1)
    assert len(found) == 2
    assert [max(map(len, request.body["input"])) for request in http.requests] == [4999, SHORT_CHARS]


async def test_another_dimension_than_before_is_an_error() -> None:
    lengths = iter([3, 3, 4])

    def changing(request: Request) -> Reply:
        return Reply({"data": [{"index": 0, "embedding": [1.0] * next(lengths)}]})

    async with http_server(changing) as http:
        embedder = OpenAIEmbedder(http.url, "m")
        assert embedder.dimensions == 0
        await embedder.embed(["a"])
        await embedder.embed(["b"])
        assert embedder.dimensions == 3
        with pytest.raises(ProviderError) as caught:
            await embedder.embed(["c"])
        assert caught.value.kind == "malformed"
        await embedder.aclose()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome</html>",
        b"\xff\xfe",
        b"{",
        b"[" * 50_000,
        b'{"data": [{"embedding": ' + b"[" * 50_000,
        b'{"data": [{"embedding": ' + b"[" * 900 + b"1" + b"]" * 900 + b"}]}",
        {},
        {"data": []},
        {"data": None},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"index": -1, "embedding": [1.0]}]},
        {"data": [{"index": 0}]},
        {"data": [{"embedding": None}]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": [[]]}]},
        {"data": [{"embedding": [[1.0], [1.0, 2.0]]}]},
        {"data": [{"embedding": [[1.0], 2.0]}]},
        {"data": [{"embedding": [0.0, 0.0]}]},
        {"data": [{"embedding": ["a"]}]},
        {"data": [{"embedding": {"0": 1.0}}]},
        {"data": [{"embedding": 1.0}]},
        {"data": [{"embedding": [1.7e308, 1.7e308]}]},
        {"data": [{"embedding": "no base64!"}]},
        {"data": [{"embedding": "AAAA"}]},
        {"data": [{"embedding": base64.b64encode(struct.pack("<2f", math.nan, 1)).decode()}]},
        {"data": [{"embedding": ""}]},
    ],
    ids=lambda body: repr(body)[:60],
)
async def test_what_is_no_vector_is_malformed(body: Any) -> None:
    assert (await refused(lambda request: Reply(body), "text")).kind == "malformed"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b""), "empty"),
        (Reply(b" \n"), "empty"),
        (Reply({"error": {"message": "no such model"}}), "refused"),
        (Reply({"error": "no such model"}), "refused"),
        (Reply({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "auth"),
        (Reply(f"Incorrect API key provided: {KEY}".encode(), 401), "auth"),
        (Reply({"detail": "Not Found"}, 404), "refused"),
        (Reply(b"", 429), "rate_limited"),
        (Reply({"error": "loading"}, 503), "overloaded"),
        (Reply(b"", 307, {"Location": "/elsewhere"}), "refused"),
        (Reply(b"half", 200, {"Content-Length": "400"}), "cut"),
        (Reply(b"not gzip", 200, {"Content-Encoding": "gzip"}), "malformed"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status} {value.body!r}"[:50],
)
async def test_each_refusal_has_a_kind(reply: Reply, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    assert (await refused(lambda request: reply, "text")).kind == kind
    assert caplog.messages
    assert KEY not in caplog.text


async def test_a_key_that_is_part_of_another_word_is_hidden_too(caplog: pytest.LogCaptureFixture) -> None:
    await refused(lambda request: Reply({"error": {"message": f"key={KEY}!"}}, 401), "text")
    assert "***" in caplog.text


async def test_what_passes_is_tried_again() -> None:
    replies = iter([Reply(b"", 503), Reply(b"", 429, {"Retry-After": "0.01"})])
    found, http = await embed(lambda request: next(replies, None) or plain(request), "text", retries=2)
    assert close(found, [unit(vector("text"))])
    assert len(http.requests) == 3


async def test_what_does_not_pass_is_not_tried_again() -> None:
    async with http_server(lambda request: Reply(b"", 401)) as http:
        embedder = OpenAIEmbedder(http.url, "m", retries=5)
        with pytest.raises(ProviderError):
            await embedder.embed(["text"])
        await embedder.aclose()
    assert len(http.requests) == 1


async def test_too_long_a_wait_is_not_waited() -> None:
    error = await refused(lambda request: Reply(b"", 429, {"Retry-After": "3600"}), "text", retries=5)
    assert (error.kind, error.retry_after) == ("rate_limited", 3600)


async def test_a_closed_port_is_named_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    embedder = OpenAIEmbedder(url, "m", KEY, retries=0)
    with pytest.raises(ProviderError) as caught:
        await embedder.embed(["text"])
    assert caught.value.kind == "connect"
    await embedder.aclose()
    assert KEY not in repr(embedder)


async def test_an_embedder_that_is_closed_opens_again() -> None:
    async with http_server(plain) as http:
        embedder = OpenAIEmbedder(http.url, "m")
        for _ in range(2):
            assert len(await embedder.embed(["text"])) == 1
            await embedder.aclose()


# --- models that are run here --------------------------------------------------------------------------------------


def wrong(model: str | Path) -> str:
    pytest.importorskip("onnxruntime")
    with pytest.raises(ConfigError) as caught:
        OnnxEmbedder(str(model))
    said = str(caught.value)
    assert "EMBED_MODEL" in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize("name", ["/nowhere", "./nowhere", "~/nowhere", "nowhere", "a/b/c"])
def test_a_folder_that_is_not_there(name: str) -> None:
    assert repr(name) in wrong(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert "holds no ONNX model" in wrong(tmp_path)


async def test_a_model_gives_the_mean_of_its_words_in_the_order_of_the_texts(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from tests.tiny_onnx import make_model

    words = {"red": [1.0, 0.0, 0.0], "green": [0.0, 2.0, 0.0], "blue": [0.0, 0.0, 3.0]}
    embedder = OnnxEmbedder(str(make_model(tmp_path / "tiny", words | {"probe": [1.0, 1.0, 1.0]})))
    name, _, digest = embedder.name.partition("@")
    assert (name, len(digest), embedder.dimensions, embedder.multilingual) == ("tiny", 12, 3, False)
    # Of very different lengths, in more batches than one, so that they are sorted, padded and put back.
    texts = [" ".join(["red"] * (n % 7 + 1) + ["green", "blue"][: n % 3]) for n in range(50)]
    found = await embedder.embed(texts)
    for text, vector in zip(texts, found, strict=True):
        told = [words[word] for word in text.split()]
        mean = [sum(column) / len(told) for column in zip(*told, strict=True)]
        assert math.dist(vector, unit(mean)) < 1e-6, text
    assert await embedder.embed([]) == []
    (long,) = await embedder.embed(["red " * 500])
    assert math.dist(long, [1.0, 0.0, 0.0]) < 1e-6
    with pytest.raises(ProviderError):
        await embedder.embed(["unknown"])  # no direction at all
    await embedder.aclose()


@pytest.mark.parametrize("damage", [b"", b"no model at all", b"\x08\x07\x12\x04none" + b"\xff" * 100])
def test_a_damaged_model(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(damage)
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "cannot be loaded" in wrong(tmp_path)
