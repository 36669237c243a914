"""The one place that chooses implementations from the settings and puts the process together.

A process has one set of services, bound to its event loop. It starts also while PostgreSQL or Redis is away: what needs
them raises `Unavailable` until they are back.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import socket
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass

import anyio
import anyio.lowlevel
from redis.asyncio import Redis

from chatserver import tcp, tracing
from chatserver.answers.worker import Worker
from chatserver.config import Config, config
from chatserver.errors import Unavailable
from chatserver.knowledge.embedding import ServingEmbedder
from chatserver.knowledge.index import LanceIndex, load_library
from chatserver.metrics import Board, LoopLag
from chatserver.protocol.frames import RESTART, Close
from chatserver.providers.base import ChatModel, Reranker
from chatserver.providers.detect import choose_embedder, choose_model, choose_reranker
from chatserver.rag.pipeline import Pipeline
from chatserver.rag.retrieve import Retriever
from chatserver.realtime.bus import Bus, prefix_of
from chatserver.realtime.hub import Hub
from chatserver.realtime.limits import Limits
from chatserver.realtime.presence import Presence
from chatserver.rooms.actions import Actions
from chatserver.rooms.store import Store
from chatserver.sites.principals import Principals
from chatserver.sites.visitors import Visitors

__all__ = ["Services", "drain", "services", "start", "stop"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What a process is made of."""

    config: Config
    process: str
    redis: Sequence[Redis]
    """One for each host."""
    store: Store
    principals: Principals
    visitors: Visitors
    limits: Limits
    hub: Hub
    presence: Presence
    actions: Actions
    index: LanceIndex
    embedder: ServingEmbedder | None
    model: ChatModel
    reranker: Reranker | None
    retriever: Retriever
    pipeline: Pipeline
    worker: Worker
    lag: LoopLag
    board: Board


_services: Services | None = None
_starting: asyncio.Task[Services] | None = None


def services() -> Services:
    """This process's services. Raises `Unavailable` before they are started."""
    if _services is None:
        raise Unavailable("The server is starting; try again.")
    return _services


async def start(*, slots: int | None = None) -> Services:
    """Build and start everything once; later calls return the same. `slots`: answers to write at once."""
    global _starting
    if _services is not None:
        return _services
    if _starting is None:
        # In a context of its own: what is started here must not go on in the name of the first request.
        _starting = asyncio.create_task(_start(slots), name="wiring: start", context=Context())
    return await asyncio.shield(_starting)


async def _start(slots: int | None) -> Services:
    global _services
    # What would otherwise be imported on the way of the first question, while sockets wait.
    await asyncio.to_thread(load_library)
    await anyio.lowlevel.checkpoint()  # httpx's backend
    settings = config()
    urls = settings.redis_urls
    process = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(3)}"
    tracing.start(settings, process=process)
    redis = [Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, **tcp.redis_options(url)) for url in urls]
    store = await Store.open(settings.database_url)
    hub = Hub(store, Bus.over_redis(urls, process=process), process=process)
    limits = Limits(
        sends_per_minute=settings.sends_per_minute,
        sockets_per_user=settings.sockets_per_user,
        sockets_per_address=settings.sockets_per_address,
        sockets_per_process=settings.sockets_per_process,
    )
    configured = await asyncio.to_thread(choose_embedder, settings)  # reads a model of its own for seconds
    index = LanceIndex.from_settings(settings, configured)
    embedder = ServingEmbedder(store.pool, settings, configured, choose_embedder) if configured else None
    reranker = choose_reranker(settings)
    retriever = Retriever(index, embedder, reranker)
    model = await choose_model(settings)
    pipeline = Pipeline(retriever, model, passages=settings.passages)
    built = Services(
        config=settings,
        process=process,
        redis=redis,
        store=store,
        principals=Principals(store.pool, settings),
        visitors=Visitors(store.pool),
        limits=limits,
        hub=hub,
        presence=Presence(redis, hub, hosts=prefix_of(urls)),
        actions=Actions(store, hub, limits),
        index=index,
        embedder=embedder,
        model=model,
        reranker=reranker,
        retriever=retriever,
        pipeline=pipeline,
        worker=Worker(
            store,
            hub,
            pipeline,
            name=process,
            slots=settings.answers_per_process if slots is None else slots,
            answer_seconds=settings.answer_seconds,
            history=settings.history_messages,
        ),
        lag=LoopLag(),
        board=Board(settings.data / "metrics", "web" if slots is None else "answers", address=settings.address),
    )
    await asyncio.to_thread(built.board.open)
    built.lag.start()
    await hub.start()
    if embedder is not None:
        await embedder.start()
    built.presence.start()
    await built.worker.start()
    built.board.start()
    _services = built
    # 190,000 objects that stay: a full collection, which walks through all of them, stopped the loop for 0.1 to 0.2 s.
    gc.freeze()
    log.info("answers come from %s; search is %s", model.name, f"hybrid ({embedder.name})" if embedder else "lexical")
    return built


async def drain(close: Close = RESTART) -> None:
    """Ask every socket to reconnect elsewhere, and hand the answers being written here to the other processes."""
    if _services is not None:
        _services.hub.drain(close)
        await _services.worker.stop()


async def stop() -> None:
    """Stop everything; afterwards `start` builds it anew."""
    global _services, _starting
    built, _services, _starting = _services, None, None
    if built is None:
        return
    built.lag.stop()
    await built.worker.stop()
    await built.presence.stop()
    await built.hub.stop()
    await built.model.aclose()
    if built.embedder is not None:
        await built.embedder.aclose()
    if built.reranker is not None:
        await built.reranker.aclose()
    await built.store.close()
    for redis in built.redis:
        await redis.aclose()
    await built.board.stop()
    await asyncio.to_thread(tracing.stop)
