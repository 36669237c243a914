"""Somebody who manages the documents of a site, over the HTTP API."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from chatserver.protocol.frames import User
from tests.api import DEADLINE, Api

DOCUMENTS = "/api/v1/documents"
COLLECTIONS = "/api/v1/collections"
SEARCH = "/api/v1/search"
POLL_SECONDS = 0.05
INGEST_SECONDS = 60.0
"""The worker of the tests may just be starting."""


class Owner(httpx.AsyncClient):
    async def give(self, name: str, data: bytes, type_: str = "application/octet-stream", **form: str) -> str:
        """Upload a file; returns its document's id."""
        return accepted(await self.post(DOCUMENTS, files={"file": (name, data, type_)}, data=form))

    async def write(self, title: str, text: str, **more: str) -> str:
        return accepted(await self.post(DOCUMENTS, json={"title": title, "text": text, **more}))

    async def until(self, document: str, *status: str) -> dict[str, Any]:
        """Wait until the worker is done with it; returns it."""
        async with asyncio.timeout(INGEST_SECONDS):
            while (found := (await self.get(f"{DOCUMENTS}/{document}")).json())["status"] not in ("ready", "failed"):
                await asyncio.sleep(POLL_SECONDS)
        assert found["status"] in status, found
        return found

    async def search(self, query: str, **more: Any) -> list[dict[str, Any]]:
        answer = await self.post(SEARCH, json={"query": query, **more})
        assert answer.status_code == 200, answer.text
        passages: list[dict[str, Any]] = answer.json()["passages"]
        return passages

    async def collections(self) -> list[dict[str, Any]]:
        answer = await self.get(COLLECTIONS)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["collections"]
        return found


def accepted(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    assert answer.json().keys() == {"id", "status", "unchanged"}
    return str(answer.json()["id"])


def as_owner(api: Api, user: User) -> Owner:
    client = api.client(user)
    return Owner(transport=api.transport, base_url=client.base_url, headers=client.headers, timeout=DEADLINE)


def kept(api: Api) -> set[str]:
    """The names of all uploads that the server has."""
    return {path.name for path in api.uploads.iterdir()} if api.uploads.exists() else set()
