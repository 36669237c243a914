"""A language model behind any OpenAI-compatible endpoint, streamed over httpx.

Servers end their streams in many ways. Here each ends in exactly one: a `Finish` when the model said that it is done,
else a `ProviderError`; text that broke off never counts as complete.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal

import httpx
import msgspec
from msgspec import Struct

from chatserver.errors import ProviderError
from chatserver.providers.base import Finish, Prompt, Text, Usage
from chatserver.providers.border import failure, failure_of, provider_errors, said, tls
from chatserver.providers.sse import Parser, StreamError

__all__ = ["OpenAIChat"]

CONNECTIONS = 200
ANSWER_CHARS = 200_000
BODY_BYTES = 4 * 1024 * 1024
ERROR_BYTES = 64 * 1024
RETRIED = ("connect", "rate_limited", "overloaded")
BACKOFF_SECONDS = 0.25
RETRY_AFTER_MAX = 20.0
"""An endpoint that asks for more patience than this is not asked again; the user may."""
AFTER_FINISH = 1.0
"""How long the usage may take to follow the last text. Some servers keep the connection open long after it."""
TRAILER_SECONDS = 0.005


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk, strict=False)


class OpenAIChat:
    """`POST {base_url}/chat/completions`. Times are in seconds; `retries` happen only before the first token."""

    writes = True

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        connect: float = 5.0,
        first_token: float = 60.0,
        between_tokens: float = 30.0,
        max_tokens: int = 1024,
        temperature: float = 0.2,
        retries: int = 2,
    ) -> None:
        self.name = model
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._key = api_key
        self._connect, self._first, self._between = connect, first_token, between_tokens
        self._options = {"max_tokens": max_tokens, "temperature": temperature}
        self._retries = retries
        self._asks_usage = True
        self._client: httpx.AsyncClient | None = None
        tls()

    def __repr__(self) -> str:
        return f"OpenAIChat({self.name!r})"  # never the key

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        for attempt in range(self._retries + 1):
            begun = False
            try:
                async with aclosing(self._once(prompt)) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except ProviderError as error:
                wait = error.retry_after or BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
                last = attempt == self._retries
                if begun or last or error.kind not in RETRIED or wait > RETRY_AFTER_MAX:
                    raise
            await asyncio.sleep(wait)

    async def _once(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        deadline = asyncio.get_running_loop().time() + self._first
        with provider_errors():
            response = await self._open(prompt, deadline)
            try:
                if "text/event-stream" in response.headers.get("content-type", "text/event-stream"):
                    items = self._events(response, deadline)
                else:
                    items = self._whole(response, deadline)
                async with aclosing(items):
                    async for item in items:
                        yield item
            finally:
                await response.aclose()  # unless it was read to its end, this closes the connection

    async def _open(self, prompt: Prompt, deadline: float) -> httpx.Response:
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            "stream": True,
            **self._options,
        }
        if self._asks_usage:
            body["stream_options"] = {"include_usage": True}
        response = await self._send(body, deadline)
        if response.is_success:
            return response
        refusal = await _body(response, ERROR_BYTES, deadline)
        await response.aclose()
        if response.status_code in (400, 422) and self._asks_usage and b"stream_options" in refusal:
            self._asks_usage = False
            return await self._open(prompt, deadline)
        raise failure_of(response.status_code, refusal.replace(self._key.encode() or b"\0", b"***"), response.headers)

    async def _send(self, body: dict[str, Any], deadline: float) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=tls(),
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                timeout=httpx.Timeout(None, connect=self._connect, pool=self._connect),
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=20),
            )
        request = self._client.build_request("POST", self._url, json=body)
        try:
            async with asyncio.timeout_at(deadline):
                return await self._client.send(request, stream=True)
        except TimeoutError as error:
            raise failure("timeout", f"no answer within {self._first:g} s") from error

    async def _events(self, response: httpx.Response, deadline: float) -> AsyncGenerator[Text | Finish]:
        reading = _Reading()
        parser = Parser()
        chunks = response.aiter_bytes()
        while not reading.over:
            chunk = await self._next(chunks, deadline, reading)
            try:
                events = parser.feed(chunk) if chunk is not None else parser.end()
            except StreamError as error:
                raise failure("cut" if chunk is None else "malformed", str(error)) from error
            for event in events:
                for text in reading.take(event.data, last=chunk is None):
                    yield Text(text)
                    deadline = asyncio.get_running_loop().time() + self._between
            if reading.finish is not None:
                deadline = min(deadline, asyncio.get_running_loop().time() + AFTER_FINISH)
            if chunk is None:
                break
        finish = reading.end()
        await _read_trailer(chunks)
        yield finish

    async def _next(self, chunks: AsyncIterator[bytes], deadline: float, reading: _Reading) -> bytes | None:
        """The next piece of the body; None at its end."""
        try:
            async with asyncio.timeout_at(deadline):
                return await anext(chunks, None)
        except TimeoutError as error:
            if reading.finish is not None:
                return None
            raise failure("timeout", "the stream fell silent") from error
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if reading.finish is not None:
                return None  # everything was said; only the manners were bad
            raise

    async def _whole(self, response: httpx.Response, deadline: float) -> AsyncGenerator[Text | Finish]:
        """A server that does not stream: its one JSON object holds the answer, or an error."""
        body = await _body(response, BODY_BYTES, deadline)
        reading = _Reading()
        if body.strip():
            for text in reading.take(body.decode(errors="replace"), last=False):
                yield Text(text)
        yield reading.end()


class _Reading:
    """What the chunks of one answer amount to."""

    def __init__(self) -> None:
        self.over = False
        self.finish: Literal["stop", "length"] | None = None
        self._usage: Usage | None = None
        self._size = 0
        self._events = 0

    def take(self, data: str, *, last: bool) -> list[str]:
        """The texts in one event; `last`: the stream ended inside it. Raises `ProviderError`."""
        if data.strip() == "[DONE]":
            self.over = True
            return []
        self._events += 1
        try:
            chunk = _chunk.decode(data)
        except msgspec.DecodeError as error:
            raise failure("cut" if last else "malformed", f"{error}: {said(data.encode())}") from error
        if chunk.error:
            raise failure("refused", said(data.encode()))
        if chunk.usage is not None:
            self._usage = Usage(chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0)
        texts = []
        for choice in (chunk.choices or [])[:1]:
            part = choice.delta or choice.message
            if part is not None and part.content:
                texts.append(part.content)
                self._size += len(part.content)
            if choice.finish_reason == "content_filter":
                raise failure("refused", "the endpoint's content filter ended the answer")
            if choice.finish_reason:
                self.finish = "length" if choice.finish_reason == "length" else "stop"
        if self._size > ANSWER_CHARS:
            self.finish, self.over = "length", True
        return texts

    def end(self) -> Finish:
        """Raises `ProviderError` when the answer is not whole."""
        if self.finish is None:
            if not self._events:
                raise failure("empty", "no event in the answer")
            raise failure("cut", "the stream ended without finish_reason")
        if not self._size:
            raise failure("empty", f"finish_reason {self.finish} without any text")
        return Finish(self.finish, self._usage)


async def _body(response: httpx.Response, limit: int, deadline: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    break
    except TimeoutError as error:
        raise failure("timeout", "the answer's body did not end") from error
    return bytes(body[:limit])


async def _read_trailer(chunks: AsyncIterator[bytes]) -> None:
    """Read the end of the HTTP body if it is there already: then the connection can be used again."""
    try:
        async with asyncio.timeout(TRAILER_SECONDS):
            await anext(chunks, None)
    except (TimeoutError, httpx.HTTPError):
        pass
