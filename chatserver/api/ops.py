"""For operators and load balancers: is the process alive, can it serve, what does it measure."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from chatserver import wiring
from chatserver.api import deployment
from chatserver.api.caller import address, current
from chatserver.api.problems import problem
from chatserver.config import config
from chatserver.errors import ChatError, Forbidden
from chatserver.knowledge.embedding import ServingEmbedder

__all__ = ["healthz", "metrics_page", "readyz"]

CHECK_SECONDS = 1.0


@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process lives."""
    return JsonResponse({"status": "ok"})


@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, Redis and index answer within a second, else 503 saying which does not. When only some of
    several Redis hosts answer it is 200 and `degraded`: every room is served, those of the others a little late.
    `search` is `lexical` (by words alone), `hybrid` (by meaning too) or `hybrid, re-embedding`."""
    try:
        services = wiring.services()
    except ChatError as error:
        return problem(error)
    database, index, *redis = await asyncio.gather(
        *map(_state, [services.store.epoch(), services.index.count(), *(host.ping() for host in services.redis)])
    )
    states = {"database": database, "redis": _together(redis), "index": index}
    ready = database == index == "ok" and "ok" in redis
    if not services.presence.agreed:
        states["redis"] = "other processes are configured with other Redis hosts"
        ready = False
    status = "unavailable" if not ready else "ok" if states["redis"] == "ok" else "degraded"
    said = {"status": status, **states, "search": _search(services.embedder)}
    return JsonResponse(said, status=200 if ready else 503)


def _search(embedder: ServingEmbedder | None) -> str:
    if embedder is None or embedder.serving is None:
        return "lexical"
    return "hybrid, re-embedding" if embedder.reembedding else "hybrid"


async def _state(check: Awaitable[object]) -> str:
    task = asyncio.ensure_future(check)
    # Not awaited any longer than this: what is cancelled while a connection hangs may take its time to end.
    done, _ = await asyncio.wait((task,), timeout=CHECK_SECONDS)
    if not done:
        task.add_done_callback(lambda late: late.cancelled() or late.exception())
        task.cancel()
        return "TimeoutError"
    # What an error says may hold an address or a password.
    return type(error).__name__ if (error := task.exception()) else "ok"


def _together(states: Sequence[str]) -> str:
    """Of several Redis hosts: which do not answer, by their place in REDIS_URL."""
    wrong = [(number, state) for number, state in enumerate(states, 1) if state != "ok"]
    if not wrong or len(states) == 1:
        return states[0] if len(states) == 1 else "ok"
    return ", ".join(f"host {number} of {len(states)}: {state}" for number, state in wrong)


@require_safe
async def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, of all processes that share the DATA_DIR; for this machine itself, for who shows the
    METRICS_TOKEN and for superusers."""
    try:
        if not _is_local(request) and not _shows_token(request) and not (await current(request)).superuser:
            raise Forbidden
        services = wiring.services()
        text = await services.board.page(await deployment.families(services))
    except ChatError as error:
        return problem(error)
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _shows_token(request: HttpRequest) -> bool:
    token = config().metrics_token
    shown = request.headers.get("Authorization", "")
    return bool(token) and hmac.compare_digest(shown.encode(), f"Bearer {token}".encode())


def _is_local(request: HttpRequest) -> bool:
    # Behind a proxy on this machine every request comes from here: then the forwarded address counts, or nobody.
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(address(request)).is_loopback
    except ValueError:
        return False
