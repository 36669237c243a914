"""httpx over connections that only go where the `Guard` lets them.

The guard stands where a connection is made: the name is resolved once, and the socket is opened to one of the addresses
that were checked, so there is no second look-up that could say something else. TLS is still checked against the name,
and so is what is kept open for the next request: an address is no identity.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import httpcore
import httpx

from chatserver.knowledge.web.addresses import Guard
from chatserver.providers.border import tls

__all__ = ["GuardedTransport"]

CONNECT_ATTEMPTS = 4
CONNECT_SECONDS = 10.0
CONNECTIONS = 4


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, guard: Guard, network: httpcore.AsyncNetworkBackend) -> None:
        self._guard = guard
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        limit = min(timeout or CONNECT_SECONDS, CONNECT_SECONDS)
        try:
            with anyio.fail_after(limit):
                addresses = await self._guard.addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} could not be resolved in {limit:g} seconds") from None
        except OSError as error:
            reason = "there is no such name" if isinstance(error, socket.gaierror) else str(error)
            raise httpcore.ConnectError(reason) from None
        failed: Exception | None = None
        for address in addresses[:CONNECT_ATTEMPTS]:
            try:
                return await self._network.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("a socket in the file system is no web server")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """Raises `Refused` and httpcore's errors. `network` opens the sockets; another one is for tests."""

    def __init__(self, guard: Guard, network: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=CONNECTIONS,
            keepalive_expiry=15,
            network_backend=_Backend(guard, network or httpcore.AnyIOBackend()),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()
