"""From an outbox to a transport that is already gone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from chatserver.realtime.outbox import Outbox
from consumers.writer import WireWriter


class Gone:
    """A wire whose transport the event loop has closed; the server is told later."""

    def __init__(self) -> None:
        self.paused = False
        self.on_drain = lambda: None
        self.written = 0

    def prepare(self, data: bytes) -> object:
        return data

    def write(self, prepared: object) -> None:
        self.written += 1
        raise RuntimeError("unable to perform operation; the handler is closed")

    def close(self, code: int) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError


async def test_a_transport_that_is_gone_is_written_to_no_more() -> None:
    failures: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: failures.append(context))
    outbox, wire = Outbox(), Gone()
    writer = WireWriter(outbox, wire)
    for text in (b"one", b"two"):
        outbox.offer(text, time.monotonic())
        writer.wake()
        await asyncio.sleep(0)
    assert (wire.written, failures) == (1, [])
