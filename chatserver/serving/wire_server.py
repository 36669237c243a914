"""Daphne's server with a handle on each WebSocket's transport. Importing it needs the reactor to be installed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from chatserver.serving.bounds import (
    CLOSE_SECONDS,
    LINGER_SECONDS,
    MESSAGE_BYTES,
    PING_SECONDS,
    PONG_SECONDS,
    RESTART_CODE,
    STALL_SECONDS,
    TOO_LARGE,
    body_bytes,
)

__all__ = ["WireProtocol", "WireRequest", "WireServer"]


@implementer(IPushProducer)
class WireRequest(WebRequest):  # type: ignore[misc] # daphne is untyped
    """One HTTP request, whose body is bounded while it comes in: Twisted would keep any number of bytes on the disk.
    Its answer, when it is streamed, waits for the client: Daphne would keep all of it in memory.

    Nor does Twisted parse forms here: on the event loop, 64 MiB took it 3.6 s and 1 GB. Django does it in a thread.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, parsePOSTFormSubmission=False)
        self._limit = body_bytes()
        self._received = 0
        self._refused = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    # --- the answer --------------------------------------------------------------------------------------------------

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and not self.finished and self.channel is not None:
            if not message.get("more_body"):
                if self.producer is not None:
                    self.unregisterProducer()
            elif self.producer is None:
                self.registerProducer(self, True)
        super().handle_reply(message)

    async def drained(self) -> None:
        """Wait while more than 64 KiB lie unsent."""
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._flowing.wait()
        except TimeoutError:
            self.channel.transport.abortConnection()

    def pauseProducing(self) -> None:
        self._flowing.clear()

    def resumeProducing(self) -> None:
        self._flowing.set()

    def stopProducing(self) -> None:
        self._flowing.set()

    def connectionLost(self, reason: Any) -> None:
        self._flowing.set()
        super().connectionLost(reason)

    # --- the body ----------------------------------------------------------------------------------------------------

    def gotLength(self, length: int | None) -> None:
        """`length` is None when the client does not say."""
        super().gotLength(length)
        if length is not None and length > self._limit:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._limit:
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """Answer at once; what still comes is thrown away for a while."""
        if self._refused:
            return
        self._refused = True
        self.content.close()
        transport = self.channel.transport
        transport.write(TOO_LARGE)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abortConnection)


class WireFactory(HTTPFactory):  # type: ignore[misc] # daphne is untyped
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = WireRequest
        return protocol


@implementer(IPushProducer)
class WireProtocol(WebSocketProtocol):  # type: ignore[misc] # daphne is untyped
    """One socket. It is its own transport's producer: paused while more than 64 KiB lie unsent, resumed when none do.

    Applications find it in `scope["extensions"]["chatserver.wire"]` (the interface is `consumers.writer.Wire`).
    """

    paused = False
    on_drain: Callable[[], None] = staticmethod(lambda: None)

    def onOpen(self) -> None:
        super().onOpen()
        self.transport.unregisterProducer()  # the HTTP channel that the socket grew out of
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False
        self.on_drain()

    def stopProducing(self) -> None:
        self.paused = True

    def prepare(self, data: bytes) -> bytes:
        """Frame `data` once for any number of sockets."""
        frame: bytes = self.factory.prepareMessage(data).payloadHybi
        return frame

    def write(self, prepared: bytes) -> None:
        """To the socket at once when nothing waits before it. Through Twisted's buffer each frame would wait for
        another turn of the loop, and cost two changes of what the loop waits for: twice the rest of it."""
        if self.state != self.STATE_OPEN:
            return
        transport, sent = self.transport, 0
        if not (transport.dataBuffer or transport._tempDataLen or self.send_queue):
            with suppress(OSError):  # it takes no more now; or it is lost, which the loop learns by itself
                sent = transport.socket.send(prepared)
        if sent < len(prepared):
            self.sendData(prepared[sent:])

    def close(self, code: int) -> None:
        self.serverClose(code)

    def abort(self) -> None:
        """Cut the connection; what lies unsent is gone."""
        self.transport.abortConnection()

    def dropConnection(self, abort: bool = False) -> None:
        """autobahn resets the connection even when both sides have said goodbye: proxies log that as an error."""
        super().dropConnection(abort and not (self.wasClean and self.closedByMe))

    def serverClose(self, code: int | None = None) -> None:
        self.transport.unregisterProducer()
        super().serverClose(code)


class WireServer(Server):  # type: ignore[misc] # daphne is untyped
    """Serves `application` on sockets that are listening already; `on_ready` is called once it does."""

    def __init__(self, application: Any, sockets: Sequence[Any], on_ready: Callable[[WireServer], None]) -> None:
        super().__init__(
            application,
            endpoints=["adopted"],  # Daphne insists on one; the sockets are adopted in `_ready`
            ready_callable=self._ready,
            signal_handlers=False,
            websocket_timeout=-1,
            websocket_connect_timeout=15,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
        )
        self.endpoints: list[str] = []
        self._sockets = sockets
        self._on_ready = on_ready
        self._ports: list[Any] = []

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket":
            scope.setdefault("extensions", {})["chatserver.wire"] = protocol
        return super().create_application(protocol, scope)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        await super().handle_reply(protocol, message)
        if isinstance(protocol, WireRequest):
            await protocol.drained()

    def stop_listening(self) -> None:
        for port in self._ports:
            port.stopListening()
        self._ports.clear()

    async def quiet(self, seconds: float) -> None:
        """Wait until all connections are done, at most `seconds`; sockets that have not said hello are closed."""
        loop = asyncio.get_running_loop()
        for protocol in list(self.connections):
            if isinstance(protocol, WireProtocol) and protocol.state == protocol.STATE_OPEN:
                loop.call_later(1.0, protocol.serverClose, RESTART_CODE)
        running = {
            entry["application_instance"] for entry in self.connections.values() if "application_instance" in entry
        }
        # An application ends before its client has answered the close; whoever were cut then might not have read it.
        running |= {each.is_closed.asFuture(loop) for each in self.connections if isinstance(each, WireProtocol)}
        if running:
            await asyncio.wait(running, timeout=seconds)
        # What is left would meet a KeyError in Daphne's own shutdown.
        for protocol, entry in list(self.connections.items()):
            if "application_instance" not in entry:
                del self.connections[protocol]

    def _ready(self) -> None:
        # The factories exist and the reactor does not run yet.
        self.http_factory = WireFactory(self)
        self.ws_factory.protocol = WireProtocol
        self.ws_factory.setProtocolOptions(
            closeHandshakeTimeout=CLOSE_SECONDS,
            failByDrop=False,
            tcpNoDelay=True,
            maxMessagePayloadSize=MESSAGE_BYTES,
            maxFramePayloadSize=MESSAGE_BYTES,
        )
        self._ports = [
            # gunicorn wraps its listening sockets
            reactor.adoptStreamPort(sock.fileno(), sock.family, self.http_factory)
            for sock in (getattr(held, "sock", held) for held in self._sockets)
        ]
        self._on_ready(self)
