"""uvicorn's protocols with a handle on each WebSocket's transport, and with bounds.

uvicorn waits for a client that takes its answer slowly, but without end; it bounds neither headers nor bodies; and a
socket that it closes while the other side reads nothing stays for ever. The hooks that are used are methods of its
protocol classes, which are named in its documentation as what `--http` and `--ws` take.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode

from chatserver.serving.bounds import (
    CLOSE_SECONDS,
    HEAD_BYTES,
    HEAD_SECONDS,
    LINGER_SECONDS,
    RESTART_CODE,
    STALL_SECONDS,
    TOO_LARGE,
    UNSENT_BYTES,
    body_bytes,
)

__all__ = ["WireProtocol", "WireRequests", "WireServer"]

HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class WireRequests(HttpToolsProtocol):
    """The requests of one connection, each bounded while it comes in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limit = body_bytes()
        self._received = 0
        self._unparsed = 0
        """Bytes since the parser last had something to tell."""
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        transport.set_write_buffer_limits(high=UNSENT_BYTES)
        super().connection_made(transport)
        self._within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._within(None)
        super().connection_lost(exc)

    # --- what comes --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._received = 0
        self._within(HEAD_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        self._within(None)
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        if length.isdigit() and int(length) > self._limit:
            self._refuse(TOO_LARGE)
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._received += len(body)
        if self._received > self._limit:
            self._refuse(TOO_LARGE)
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._within(None)

    def _refuse(self, answer: bytes) -> None:
        """Answer at once; what still comes is thrown away for a while."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or self.pipeline or cycle.scope is not self.scope:
                self.transport.abort()  # another answer is under way, which ours would break into
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write(answer)
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    # --- what goes ---------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._within(STALL_SECONDS)

    def resume_writing(self) -> None:
        self._within(None)
        super().resume_writing()

    def handle_websocket_upgrade(self) -> None:
        self._within(None)
        if not self._refused:
            super().handle_websocket_upgrade()

    def _within(self, seconds: float | None) -> None:
        """Cut the connection after so long, unless this is called again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


class WireProtocol(WebSocketsSansIOProtocol):
    """One socket. Applications find it in `scope["extensions"]["chatserver.wire"]` (the interface is
    `consumers.writer.Wire`)."""

    paused = False
    on_drain: Callable[[], None] = staticmethod(lambda: None)
    _cutting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cutting is not None:
            self._cutting.cancel()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        self.scope["extensions"]["chatserver.wire"] = self  # type: ignore[assignment]
        await super().run_asgi()
        self._cut_later()

    # --- the handle --------------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self.paused = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self.paused = False
        self.on_drain()

    def prepare(self, data: bytes) -> object:
        """Frame `data` once for any number of sockets."""
        return Frame(Opcode.TEXT, data).serialize(mask=False)

    def write(self, prepared: Any) -> None:
        if self.handshake_complete and not self.close_sent and not self.transport.is_closing():
            self.transport.write(prepared)

    def close(self, code: int) -> None:
        """Begin the closing handshake. Unlike with `send`, the application is told of the end when it has come."""
        if not self.handshake_complete or self.close_sent or self.transport.is_closing():
            return
        with contextlib.suppress(InvalidState):
            self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.abort)

    def abort(self) -> None:
        """Cut the connection; what lies unsent is gone."""
        self.transport.abort()

    # --- ends that uvicorn would leave open --------------------------------------------------------------------------

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut_later()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            # As uvicorn does, but without a traceback in the log for whatever a client sends.
            self.frames = []
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def _cut_later(self) -> None:
        """The transport closes when all is written: with a client that reads nothing, never."""
        if self._cutting is None and not self.disconnected:
            self._cutting = self.loop.call_later(CLOSE_SECONDS, self.abort)


class WireServer(uvicorn.Server):
    """Serves on sockets that are listening already; `on_ready` is called once it does. Signals are the worker's."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[WireServer], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready(self)

    def stop_listening(self) -> None:
        for server in self.servers:
            server.close()

    async def quiet(self, seconds: float) -> None:
        """Wait until all connections are done, at most `seconds`; sockets that have not said hello are closed."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, WireProtocol):
                self._later(connection)
            else:
                connection.shutdown()  # at once when it is idle, else after its answer
        running = list(self.server_state.tasks)
        if running:
            await asyncio.wait(running, timeout=seconds)

    def stop(self) -> None:
        self.should_exit = True

    def _later(self, socket: WireProtocol) -> None:
        asyncio.get_running_loop().call_later(1.0, socket.close, RESTART_CODE)


def _is_text(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
