"""Which model answers, and which embeds: what the settings name, else what is found, else what needs nothing."""

from __future__ import annotations

import asyncio
import logging

import httpx
import msgspec
from msgspec import Struct

from chatserver.config import Config
from chatserver.providers.base import ChatModel, Embedder, Reranker
from chatserver.providers.embeddings import OnnxEmbedder, OpenAIEmbedder
from chatserver.providers.extractive import Extractive
from chatserver.providers.openai import OpenAIChat
from chatserver.providers.rerank import HttpReranker

__all__ = ["OLLAMA", "choose_embedder", "choose_model", "choose_reranker"]

log = logging.getLogger(__name__)

OLLAMA = "http://127.0.0.1:11434"
PROBE_SECONDS = 1.0
"""Where nothing listens it takes none; a machine that is busy with its start needs some."""


class _Model(Struct):
    name: str
    size: int = 0


class _Models(Struct):
    models: list[_Model]


async def choose_model(config: Config, *, ollama: str = OLLAMA) -> ChatModel:
    """`LLM_BASE_URL` and `LLM_MODEL`; else a local Ollama (its largest chat model, or `LLM_MODEL` alone); else the
    model that quotes.
    """
    if config.llm_base_url:
        return _openai(config, config.llm_base_url, config.llm_model)
    if name := await _ollama_model(ollama, config.llm_model):
        return _openai(config, f"{ollama}/v1", name)
    if config.llm_model:
        log.warning(
            "LLM_MODEL=%s: no Ollama here has it, and LLM_BASE_URL is not set; quoting instead", config.llm_model
        )
    return Extractive()


def choose_embedder(config: Config) -> Embedder | None:
    """`EMBED_BASE_URL` and `EMBED_MODEL`: an endpoint; `EMBED_MODEL` alone: a folder or hub id, run here. Raises
    `ConfigError` when it cannot be run.
    """
    if config.embed_base_url:
        return OpenAIEmbedder(config.embed_base_url, config.embed_model, config.embed_api_key)
    return OnnxEmbedder(config.embed_model) if config.embed_model else None


def choose_reranker(config: Config) -> Reranker | None:
    """`RERANK_BASE_URL`, or none."""
    if not config.rerank_base_url:
        return None
    return HttpReranker(config.rerank_base_url, config.rerank_model, config.rerank_api_key)


def _openai(config: Config, base_url: str, model: str) -> OpenAIChat:
    return OpenAIChat(
        base_url,
        model,
        config.llm_api_key,
        connect=config.llm_connect_seconds,
        first_token=config.llm_first_token_seconds,
        between_tokens=config.llm_between_tokens_seconds,
        max_tokens=config.llm_max_tokens,
        temperature=config.llm_temperature,
        retries=config.llm_retries,
    )


async def _ollama_model(base_url: str, wanted: str) -> str | None:
    """What listens on Ollama's port may be anything: whatever it says that is no list of models is ignored."""
    try:
        async with asyncio.timeout(PROBE_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(f"{base_url}/api/tags")
            found = msgspec.json.decode(response.raise_for_status().content, type=_Models)
    except (httpx.HTTPError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    models = {model.name: model.size for model in found.models}
    if wanted:
        return next((name for name in models if name in (wanted, f"{wanted}:latest")), None)
    chat = {name: size for name, size in models.items() if "embed" not in name and "bge-" not in name}
    return max(chat, key=lambda name: chat[name], default=None)
