"""Which model answers: what is set, else an Ollama that is there, else the one that quotes."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chatserver.config import load
from chatserver.errors import ConfigError
from chatserver.providers.base import ChatModel
from chatserver.providers.detect import choose_embedder, choose_model
from chatserver.providers.embeddings import OpenAIEmbedder
from chatserver.providers.extractive import Extractive
from chatserver.providers.openai import OpenAIChat
from tests.small_http import Reply, Request, http_server

MODELS = {
    "models": [
        {"name": "qwen3:0.6b", "size": 522_000_000},
        {"name": "llama3.2:latest", "size": 2_000_000_000},
        {"name": "nomic-embed-text:latest", "size": 9_000_000_000},
        {"name": "bge-m3:latest", "size": 8_000_000_000},
    ]
}


async def chosen(tags: Any = b"", *, status: int = 200, **settings: str) -> tuple[ChatModel, list[Request]]:
    """The model that is chosen where `tags` is what Ollama's port says, and what was asked of it."""
    async with http_server(lambda request: Reply(tags, status)) as http:
        model = await choose_model(load(settings), ollama=http.url)
        await model.aclose()
        return model, http.requests


async def test_an_ollama_gives_its_largest_chat_model() -> None:
    model, asked = await chosen(MODELS)
    assert isinstance(model, OpenAIChat)
    assert model.name == "llama3.2:latest"
    assert [(request.method, request.path) for request in asked] == [("GET", "/api/tags")]


@pytest.mark.parametrize("wanted", ["qwen3:0.6b", "llama3.2", "llama3.2:latest"])
async def test_llm_model_alone_names_one_of_ollamas(wanted: str) -> None:
    model, _ = await chosen(MODELS, LLM_MODEL=wanted)
    assert isinstance(model, OpenAIChat)
    assert model.name.startswith(wanted)


async def test_a_model_that_ollama_lacks_is_said_and_quoted_around(caplog: pytest.LogCaptureFixture) -> None:
    model, _ = await chosen(MODELS, LLM_MODEL="gpt-oss:120b")
    assert isinstance(model, Extractive)
    assert "LLM_MODEL=gpt-oss:120b" in caplog.text


async def test_what_is_set_is_taken_without_a_look_at_ollama() -> None:
    model, asked = await chosen(MODELS, LLM_BASE_URL="http://127.0.0.1:9/v1", LLM_MODEL="scripted")
    assert isinstance(model, OpenAIChat)
    assert model.name == "scripted"
    assert asked == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"models": []}, 200),
        ({"models": [{"name": "nomic-embed-text:latest", "size": 1}]}, 200),
        ({"models": [{"size": 1}]}, 200),
        ({"models": [{"name": "x", "size": "big"}]}, 200),
        ({"models": {"name": "x"}}, 200),
        ({"models": "none"}, 200),
        ({"models": None}, 200),
        ({}, 200),
        ([1, 2], 200),
        (b"<html>Welcome</html>", 200),
        (b"\xff\xfe", 200),
        (b"[" * 100_000, 200),
        (b"", 200),
        (b"", 404),
        (MODELS, 500),
        (MODELS, 302),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_something_else_on_its_port_is_ignored(said: Any, status: int) -> None:
    model, _ = await chosen(said, status=status)
    assert isinstance(model, Extractive)


async def test_something_that_is_no_http_is_ignored() -> None:
    def garbage(request: Request) -> Reply:
        raise ConnectionAbortedError

    async with http_server(garbage) as http:
        assert isinstance(await choose_model(load({}), ollama=http.url), Extractive)


async def test_something_that_never_answers_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert isinstance(await choose_model(load({}), ollama=url), Extractive)


async def test_nothing_there_leaves_quoting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert isinstance(await choose_model(load({}), ollama=url), Extractive)


async def test_an_embedding_endpoint_is_taken_as_set() -> None:
    embedder = choose_embedder(load({"EMBED_BASE_URL": "http://127.0.0.1:9/v1", "EMBED_MODEL": "bge-m3"}))
    assert isinstance(embedder, OpenAIEmbedder)
    assert (embedder.name, embedder.multilingual) == ("bge-m3", True)
    await embedder.aclose()


def test_without_an_embedding_model_there_is_none() -> None:
    assert choose_embedder(load({})) is None


def test_an_embedding_model_that_is_not_there_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match="EMBED_MODEL='/nowhere'"):
        choose_embedder(load({"EMBED_MODEL": "/nowhere"}))
