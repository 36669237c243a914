"""What logs and traces cost where there is much of them: per frame, command, delta, and line.

    .venv/bin/python bench/logs.py

Prints microseconds of computing time, the best of several rounds.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
import timeit
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatserver import logs, tracing
from chatserver.config import load

NUMBER, ROUNDS = 20_000, 7
ROOM = "01a22253-645a-79f6-b73a-30b53b1b06ab"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


def show(what: str, work: Callable[[], object], number: int = NUMBER) -> None:
    best = min(timeit.repeat(work, number=number, repeat=ROUNDS, timer=time.process_time)) / number
    print(f"{what:<58}{best * 1e6:8.2f} us")


class Socket:
    frames = 0

    def frame(self) -> None:
        self.frames += 1


def spans() -> None:
    with tracing.span("command", conn="c-1"), tracing.span("append", room=ROOM):
        pass


def main() -> None:
    print(f"Python {sys.version.split()[0]}")
    socket = Socket()
    show("a received frame: its count", socket.frame)
    show("a command: what is bound", lambda: (logs.bind(command="message.send"), logs.bind(user=ROOM)))
    show("a token of a model, traces off: end of 'first token'", tracing.NOTHING.end)
    show("a question's two spans, traces off", spans)
    log = logging.getLogger("chatserver.bench")
    log.propagate = False
    show("a line below the level", lambda: log.debug("no line of %s", ROOM))
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logs.formatter())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    logs.bind(request="0f6bfe1fa3bc1820", room=ROOM)
    show("a line", lambda: log.info("answer %s: a line", ROOM), 2000)
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        tracing.start(load({"OTLP_URL": f"http://127.0.0.1:{server.server_port}"}), process="bench")
        ended = tracing.beside("first token")
        ended.end()
        show("a token of a model, traces on: end of 'first token'", ended.end)
        show("a question's two spans, traces on", spans, 500)
        tracing.stop()
        server.shutdown()


asyncio.run(asyncio.to_thread(main))
