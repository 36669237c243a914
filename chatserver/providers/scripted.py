"""Doubles of a language model that ship with the product: for tests, benchmarks and demonstrations.

`ScriptedChat` is a model without a network; `ScriptedServer` an OpenAI-compatible endpoint over real TCP, which ends
its answers in any of the ways of `scripted_endings`. As a program it prints `listening on HOST:PORT`:

    python -m chatserver.providers.scripted --port 0 --first-token 0.02 --rate 50 --tokens 200
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Literal, Self

from chatserver.errors import ProviderError
from chatserver.providers.base import Finish, Prompt, Text, Usage
from chatserver.providers.scripted_connection import Connection
from chatserver.providers.scripted_endings import ENDINGS, Ending

__all__ = ["ScriptedChat", "ScriptedServer", "pieces"]


def pieces(text: str) -> list[str]:
    """Words with the space before them, as models send them."""
    return re.findall(r"\s*\S+|\s+$", text)


class ScriptedChat:
    """Says `text`, then ends with `reason`, or raises `error` instead. Keeps the `prompts` it was asked."""

    writes = True

    def __init__(
        self,
        text: str = "Hello. [1]",
        *,
        reason: Literal["stop", "length"] = "stop",
        error: ProviderError | None = None,
        hold: asyncio.Event | None = None,
        name: str = "scripted",
    ) -> None:
        """`hold`: the stream waits for it after its text, before its end."""
        self.name = name
        self.prompts: list[Prompt] = []
        self.abandoned = 0
        """Streams that were closed before their end."""
        self._pieces, self._reason, self._error, self._hold = pieces(text), reason, error, hold

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Text | Finish]:
        self.prompts.append(prompt)
        try:
            for piece in self._pieces:
                yield Text(piece)
            if self._hold is not None:
                await self._hold.wait()
        except (GeneratorExit, asyncio.CancelledError):
            self.abandoned += 1
            raise
        if self._error is not None:
            raise self._error
        yield Finish(self._reason, Usage(len(prompt.messages), len(self._pieces)))

    async def aclose(self) -> None:
        pass


class ScriptedServer:
    """`async with ScriptedServer(text="…") as server: … server.base_url`.

    `endings` names the ending of each request in turn; the last one goes for all that follow. `first_token` in seconds,
    `rate` in deltas per second (0: as fast as it goes). `embeddings` is the form of `/embeddings`' vectors.
    """

    def __init__(
        self,
        text: str | None = None,
        *,
        tokens: int = 20,
        first_token: float = 0.0,
        rate: float = 0.0,
        endings: Sequence[str] = ("done",),
        embeddings: Literal["plain", "tokens", "base64"] = "plain",
        models: Sequence[str] = ("scripted",),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.pieces = pieces(text) if text is not None else pieces(" ".join(f"word{n}" for n in range(tokens)))
        self.first_token, self.rate = first_token, rate
        self.embeddings, self.models = embeddings, tuple(models)
        self._endings = [ENDINGS[name] for name in endings]
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._changed = asyncio.Event()
        self.requests = 0
        self.chats = 0
        self.open = 0
        """Requests that are being answered."""
        self.aborted = 0
        """Requests whose client closed the connection before their end."""
        self.last: dict[str, Any] = {}
        """The JSON body of the latest request."""
        self.last_headers: dict[str, str] = {}

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self._host, self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.drop()
        await self.until(lambda: not self._connections)
        await self._server.wait_closed()

    async def serve_forever(self) -> None:
        assert self._server is not None
        await self._server.serve_forever()

    async def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until `condition` of this server's counters holds; raises `TimeoutError`."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_aborted(self, count: int) -> None:
        """Wait until `count` clients have left before their answer's end."""
        await self.until(lambda: self.aborted >= count)

    # What a connection tells, and asks.

    def joined(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._changed.set()

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._changed.set()

    def began(self, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.requests += 1
        self.open += 1
        self.last, self.last_headers = body, headers
        self._changed.set()

    def ended(self, *, aborted: bool) -> None:
        self.open -= 1
        self.aborted += aborted
        self._changed.set()

    def ending(self) -> Ending:
        """Of the next answer; counts it."""
        self.chats += 1
        return self._endings[min(self.chats, len(self._endings)) - 1]


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chatserver.providers.scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-token", type=float, default=0.02, help="seconds")
    parser.add_argument("--rate", type=float, default=50.0, help="deltas per second; 0: as fast as it goes")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--text")
    parser.add_argument("--ending", choices=sorted(ENDINGS), default="done")
    options = parser.parse_args()
    server = ScriptedServer(
        options.text,
        tokens=options.tokens,
        first_token=options.first_token,
        rate=options.rate,
        endings=[options.ending],
        host=options.host,
        port=options.port,
    )
    async with server:
        print(f"listening on {server.address}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
