"""One address of a model's server that takes JSON and answers with a bounded body."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from chatserver.providers.border import failure, failure_of, provider_errors, tls

__all__ = ["Endpoint"]

CONNECTIONS = 50
KEPT_ALIVE = 10
ERROR_BYTES = 65_536
"""Of an error's body; its message stands at the beginning."""


class Endpoint:
    """`model` says in messages what sort of model is asked. It belongs to the event loop of its first call, and opens
    again when it is used after `aclose`."""

    def __init__(self, url: str, key: str, *, model: str, seconds: float, connect: float, body_bytes: int) -> None:
        self._url = url
        self._key = key
        self._model = model
        self._seconds = seconds
        self._connect = connect
        self._body_bytes = body_bytes
        self._client: httpx.AsyncClient | None = None
        tls()

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def post(self, body: dict[str, Any]) -> bytes:
        """The body of a successful answer. Raises `ProviderError` for everything else."""
        try:
            with provider_errors(self._model):
                async with asyncio.timeout(self._seconds):
                    return await self._post(body)
        except TimeoutError as error:
            raise failure("timeout", f"no answer within {self._seconds:g} s", model=self._model) from error

    async def _post(self, body: dict[str, Any]) -> bytes:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=tls(),
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                timeout=httpx.Timeout(self._seconds, connect=self._connect),
                limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT_ALIVE),
            )
        async with self._client.stream("POST", self._url, json=body) as response:
            found = bytearray()
            async for piece in response.aiter_bytes():
                found += piece
                if len(found) > self._body_bytes:
                    raise failure("malformed", f"an answer of more than {self._body_bytes} bytes", model=self._model)
            if not response.is_success:
                said = bytes(found[:ERROR_BYTES]).replace(self._key.encode() or b"\0", b"***")
                raise failure_of(response.status_code, said, response.headers, model=self._model)
        return bytes(found)
