"""Embedding models: an OpenAI-compatible endpoint over httpx, or an ONNX model in this process."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import random
import struct
from collections.abc import Sequence
from itertools import batched
from typing import Any

import msgspec
from msgspec import Struct

from chatserver.errors import ProviderError
from chatserver.providers.border import failure
from chatserver.providers.embedding_names import is_multilingual, prefix
from chatserver.providers.endpoint import Endpoint
from chatserver.providers.onnx import OnnxEmbedder

__all__ = ["OnnxEmbedder", "OpenAIEmbedder"]

MODEL = "embedding model"
BATCH = 32
IN_FLIGHT = 4
"""Requests at once for the texts of one call."""
INPUT_CHARS = 8_000
SHORT_CHARS = 1_000
"""What is left of each text when an endpoint fails on longer ones: many answer 500 to more than 512 tokens."""
BODY_BYTES = 64 * 1024 * 1024
REQUEST_SECONDS = 60.0
CONNECT_SECONDS = 5.0
RETRIED = ("connect", "rate_limited", "overloaded")
BACKOFF_SECONDS = 0.25
RETRY_AFTER_MAX = 60.0
"""A longer wait is left to whoever asks; a question gives up sooner by itself."""
NO_TEXT = "."
"""Stands for a text without any character: several endpoints refuse empty input, and a whole batch with it."""


class _Row(Struct):
    embedding: Any
    index: int | None = None


class _Reply(Struct):
    data: list[_Row] = []
    error: Any = None


_reply = msgspec.json.Decoder(_Reply)


class OpenAIEmbedder:
    """`POST {base_url}/embeddings`. It belongs to the event loop of its first call.

    `dimensions` is 0 until the first vector has come: an endpoint tells it in no other way. Afterwards a vector of
    another length is an error (`malformed`).
    """

    def __init__(self, base_url: str, model: str, api_key: str = "", *, retries: int = 2) -> None:
        self.name = model
        self.dimensions = 0
        self.multilingual = is_multilingual(model)
        self._endpoint = Endpoint(
            f"{base_url.rstrip('/')}/embeddings",
            api_key,
            model=MODEL,
            seconds=REQUEST_SECONDS,
            connect=CONNECT_SECONDS,
            body_bytes=BODY_BYTES,
        )
        self._retries = retries
        self._quiet_until = 0.0

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self.name!r})"  # never the key

    async def aclose(self) -> None:
        await self._endpoint.aclose()

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        """One vector of length 1 per text, in order. Texts are cut to `INPUT_CHARS`. Raises `ProviderError`."""
        before = prefix(self.name, query=query)
        inputs = [before + (text.strip()[:INPUT_CHARS] or NO_TEXT) for text in texts]
        if len(inputs) <= BATCH:
            return await self._batch(inputs) if inputs else []
        slots = asyncio.Semaphore(IN_FLIGHT)

        async def one(batch: tuple[str, ...]) -> list[list[float]]:
            async with slots:
                return await self._batch(list(batch))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(batch)) for batch in batched(inputs, BATCH, strict=False)]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [vector for task in tasks for vector in task.result()]

    async def _batch(self, inputs: list[str]) -> list[list[float]]:
        clock = asyncio.get_running_loop().time
        for attempt in range(self._retries + 1):
            await asyncio.sleep(self._quiet_until - clock())
            try:
                return await self._once(inputs)
            except ProviderError as error:
                wait = error.retry_after or BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
                if error.kind in ("refused", "overloaded") and any(len(text) > SHORT_CHARS for text in inputs):
                    inputs, wait = [text[:SHORT_CHARS] for text in inputs], 0.0
                elif error.kind not in RETRIED or wait > RETRY_AFTER_MAX:
                    raise
                if error.kind == "rate_limited":
                    self._quiet_until = max(self._quiet_until, clock() + wait)  # for the requests beside it, too
                if attempt == self._retries:
                    raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, inputs: list[str]) -> list[list[float]]:
        body = await self._endpoint.post({"model": self.name, "input": inputs})
        if not body.strip():
            raise failure("empty", "no body", model=MODEL)
        try:
            reply = _reply.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise failure("malformed", str(error), model=MODEL) from error
        if reply.error:
            raise failure("refused", str(reply.error)[:300], model=MODEL)
        rows = [row for _, row in sorted(enumerate(reply.data), key=lambda item: _place(*item))]
        if len(rows) != len(inputs) or [_place(i, row) for i, row in enumerate(rows)] != list(range(len(inputs))):
            raise failure("malformed", f"{len(rows)} vectors for {len(inputs)} texts", model=MODEL)
        return [self._vector(row.embedding) for row in rows]

    def _vector(self, found: Any) -> list[float]:
        try:
            vector = _unit(_pooled(_numbers(found)))
        except (TypeError, ValueError, ZeroDivisionError, struct.error, binascii.Error) as error:
            raise failure("malformed", f"not a vector: {error}", model=MODEL) from error
        if self.dimensions not in (0, len(vector)):
            said = f"{len(vector)} dimensions, and the vectors so far have {self.dimensions}"
            raise failure("malformed", f"{said}: another model needs another EMBED_MODEL", model=MODEL)
        self.dimensions = len(vector)
        return vector


def _place(at: int, row: _Row) -> int:
    return at if row.index is None else row.index


def _numbers(found: Any) -> Any:
    """Base64 of little-endian 32-bit floats, which some servers send without being asked, becomes a list."""
    if not isinstance(found, str):
        return found
    raw = base64.b64decode(found, validate=True)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def _pooled(found: Any) -> list[float]:
    """A model without pooling gives one vector per token: their mean is the text's."""
    if isinstance(found, list) and found and isinstance(found[0], list):
        rows = [_flat(row) for row in found]
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    return _flat(found)


def _flat(found: Any) -> list[float]:
    if not isinstance(found, list) or not found:
        raise ValueError("no list of numbers")
    return [float(number) for number in found]


def _unit(vector: list[float]) -> list[float]:
    length = math.hypot(*vector)
    if not math.isfinite(length):
        raise ValueError("not finite")
    return [number / length for number in vector]
