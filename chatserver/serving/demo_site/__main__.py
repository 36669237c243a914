"""Serves the demo site: everything from memory, a bounded number of connections at once."""

from __future__ import annotations

import argparse
import http.server
import re
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from chatserver.serving.demo_site.pages import LANGUAGES, SERVER, load

CONNECTIONS = 64
"""At once, each with a thread; more wait in the kernel's queue."""
IDLE_SECONDS = 15
LOOPBACK = ("127.0.0.1", "localhost")
# What a careful site allows itself, and what the widget needs besides (docs/widget.md): its scripts, calls and sockets.
POLICY = (
    "default-src 'none'; script-src {server}; connect-src {server} {socket}; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HOST = re.compile(r"(?P<name>[\w.-]+|\[[0-9a-f:]+\])(:\d+)?", re.IGNORECASE)


class Site(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, server: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.chat = server.rstrip("/")
        self.pages = load()
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((host, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._places.acquire()  # every connection ends: each wait in it has a limit
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Site
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path in ("/", *(f"/{language}" for language in LANGUAGES)):
            self._send(302, "text/plain", "", Location=f"/{self._language() if path == '/' else path[1:]}/")
        elif (page := self.server.pages.get(path)) is not None:
            self._send(200, *page)
        else:
            self._send(404, "text/plain", "There is no such page. 没有这个页面。\n")

    do_HEAD = do_GET  # noqa: N815 - the base class finds it by its name

    def _send(self, status: int, media_type: str, text: str, **headers: str) -> None:
        chat = self._chat()
        body = text.replace(SERVER, chat).encode()
        policy = POLICY.format(server=chat, socket=chat.replace("http", "ws", 1))
        known = {
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "strict-origin-when-cross-origin",
            "Cache-Control": "no-cache",
            "Vary": "Accept-Language",
        }
        self.send_response(status)
        for name, value in {**known, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chat(self) -> str:
        """The chat server's address, under the name by which this machine was called: both then are the visitor's."""
        called = _HOST.fullmatch(self.headers.get("Host", ""))
        parts = urlsplit(self.server.chat)
        if called and called["name"] in LOOPBACK and parts.hostname in LOOPBACK:
            return f"{parts.scheme}://{called['name']}:{parts.port or 80}{parts.path}"
        return self.server.chat

    def _language(self) -> str:
        """Of two: Chinese for whom it comes before English."""
        for part in self.headers.get("Accept-Language", "").lower().split(","):
            if (language := part.strip()[:2]) in LANGUAGES:
                return language
        return next(iter(LANGUAGES))

    def version_string(self) -> str:
        return "harbour-roasters"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: visits to the demo site are no news of the chat server's."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the demo site.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--server", default="http://127.0.0.1:8000", help="the chat server's address")
    options = parser.parse_args()
    Site(options.host, options.port, options.server).serve_forever()


if __name__ == "__main__":
    main()
