"""The HTTP API under /api/v1; its browsable page is /api/v1/docs."""

from __future__ import annotations

from ninja import NinjaAPI

from chatserver.api import (
    ask,
    auth,
    collections,
    documents,
    gaps,
    knowledge,
    people,
    problems,
    rooms,
    search,
    sources,
    web_sources,
    widget,
)

__all__ = ["api"]

api = NinjaAPI(
    title="chatserver",
    version="1",
    description="The same rooms, messages and answers as on the socket (docs/protocol.md).",
    urls_namespace="api",
)
problems.install(api)
api.add_router("/auth", auth.router)
api.add_router("/widget", widget.router)
api.add_router("/rooms", rooms.router)
api.add_router("/rooms", sources.router)
api.add_router("", people.router)
api.add_router("", ask.router)
api.add_router("", documents.router)
api.add_router("", web_sources.router)
api.add_router("", collections.router)
api.add_router("", search.router)
api.add_router("", knowledge.router)
api.add_router("", gaps.router)
