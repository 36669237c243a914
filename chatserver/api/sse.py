"""Answers as server-sent events (WHATWG HTML, 9.2): the socket's own objects, each under its type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from django.http import StreamingHttpResponse
from msgspec import Struct, json

from chatserver.api.problems import as_chat_error
from chatserver.errors import Unavailable
from chatserver.protocol.codec import error_frame

__all__ = ["event", "framed", "stream"]

KEEPALIVE_SECONDS = 15.0
"""Proxies cut what is silent for a minute."""


def event(frame: Struct) -> bytes:
    return framed(str(frame.__struct_config__.tag), json.encode(frame))


def framed(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


async def stream(events: AsyncGenerator[bytes], seconds: float) -> StreamingHttpResponse:
    """The events, for at most `seconds`. What fails before the first is raised; what fails later is told as an `error`
    object at the end. A client that goes away closes `events`.
    """
    first = await anext(events)
    response = StreamingHttpResponse(_rest(first, events, seconds), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would hold it back
    return response


async def _rest(first: bytes, events: AsyncGenerator[bytes], seconds: float) -> AsyncGenerator[bytes]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    step: asyncio.Task[bytes | None] | None = None
    try:
        yield first
        while True:
            # A task, because a wait that is cut short would cancel the generator it waits for.
            step = step or asyncio.ensure_future(anext(events, None))
            await asyncio.wait({step}, timeout=min(KEEPALIVE_SECONDS, max(0.0, deadline - loop.time())))
            if step.done():
                data, step = step.result(), None
                if data is None:
                    return
                yield data
            elif loop.time() >= deadline:
                raise Unavailable("The answer takes too long.")
            else:
                yield b": still there\n\n"
    except Exception as error:
        yield event(error_frame(as_chat_error(error, "event stream")))
    finally:
        if step is not None:
            step.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await step
        await events.aclose()
