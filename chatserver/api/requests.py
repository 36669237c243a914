"""Around the whole application: each request has an id, a line in the access log and, where it is a call, a trace."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from chatserver import logs, tracing
from chatserver.config import config

__all__ = ["Requests", "request_id"]

HEADER = b"x-request-id"
PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds: only what fails is worth a line."""
GONE = 499
"""nginx's number for a client that left before the answer."""
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def request_id(scope: Any) -> str:
    """What our proxy calls the request, so that its log and ours can be laid side by side; else a new one. What
    everybody could choose would be theirs to forge."""
    if config().trusted_proxies:
        given = [str(value, "latin-1") for name, value in scope.get("headers", ()) if name.lower() == HEADER]
        if len(given) == 1 and _ID.fullmatch(given[0]):
            return given[0]
    return secrets.token_hex(8)


class Requests:
    """ASGI middleware for HTTP. It sees the end of a streamed answer, which Django's do not."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        id_, began, status = request_id(scope), time.perf_counter(), GONE
        method, path = scope["method"], scope["path"]

        async def answer(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, id_.encode())]}
            await send(message)

        traced = path.startswith("/api/")
        with logs.bound(request=id_):
            try:
                with tracing.span(f"{method} /api", method=method, path=path) if traced else tracing.NOTHING as span:
                    await self._application(scope, receive, answer)
                    span.set(status_code=status)
            finally:
                if logs.ACCESS.isEnabledFor(logging.INFO) and (status >= 400 or path not in PROBES):
                    ms = round((time.perf_counter() - began) * 1000, 1)
                    logs.ACCESS.info("request", extra={"method": method, "path": path, "status": status, "ms": ms})
