"""How far a document is, told from the background worker to whichever process has its owner's sockets."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx

from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from chatserver.realtime.announce import Announcer
from tests.api import background_worker
from tests.chat import Chat
from tests.cluster.conftest import Cluster
from tests.credentials import access_token
from tests.server import Server

DOCUMENTS = "/api/v1/documents"
WORKER_SECONDS = 60.0
"""Its start included."""


def manager(server: Server, user: User) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {access_token(user.id)}"}
    return httpx.AsyncClient(base_url=server.http, headers=headers, timeout=20, trust_env=False)


async def upload(http: httpx.AsyncClient, name: str, data: str) -> str:
    answer = await http.post(DOCUMENTS, files={"file": (name, data, "text/markdown")})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def told(chat: Chat, document: str) -> list[dict[str, Any]]:
    states = [frame["document"] for frame in chat.frames if frame["type"] == "document"]
    return [state for state in states if state["id"] == document]


async def until_told(chat: Chat, document: str, status: str) -> list[str]:
    """Wait until the socket heard of `status`; all that it heard."""
    await chat.until(lambda: any(state["status"] == status for state in told(chat, document)), WORKER_SECONDS)
    return [state["status"] for state in told(chat, document)]


async def test_the_owners_sockets_hear_of_each_step_and_nobody_elses_do(cluster: Cluster) -> None:
    for user in (cluster.ann, cluster.bob):  # both manage the site; only one gives documents
        await cluster.store.pool.execute(
            "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, 'admin')",
            *(cluster.site.id, user.id),
        )
    async with (
        ScriptedServer() as model,
        cluster.server() as one,
        cluster.server() as two,
        cluster.chat(one, cluster.ann) as here,
        cluster.chat(two, cluster.ann) as there,
        cluster.chat(one, cluster.bob) as stranger,
        manager(one, cluster.ann) as http,
        background_worker({**cluster.environ, "EMBED_BASE_URL": model.base_url, "EMBED_MODEL": "scripted"}),
    ):
        for chat in (here, there, stranger):
            await chat.hello()
        good = await upload(http, "rules.md", "# Rules\n\n" + "Be kind to each other. " * 400)
        bad = await upload(http, "empty.md", " \n")
        for chat in (here, there):
            assert (await until_told(chat, good, "ready"))[-1] == "ready"
            steps = list(dict.fromkeys(state["status"] for state in told(chat, good)))
            assert steps == ["queued", "parsing", "embedding", "ready"]
            last = told(chat, good)[-1]
            assert last["done"] == last["total"] > 1
            assert (last["title"], last["error"]) == ("Rules", None)
            await until_told(chat, bad, "failed")
            assert "no text" in told(chat, bad)[-1]["error"]
        assert (await http.delete(f"{DOCUMENTS}/{good}")).status_code == 204
        for chat in (here, there):
            await until_told(chat, good, "deleted")
        # What is said in order over one connection: a pong after all of this would come after an event.
        await stranger.command("ping")
        assert not [frame for frame in stranger.frames if frame["type"] == "document"]


async def test_an_announcement_without_redis_is_lost_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}"
    announcer = Announcer([url])
    assert not await asyncio.to_thread(announcer.announce, "document:somebody", b"{}")
    with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))) as listener:
        listener.setblocking(False)
        assert not announcer.announce("document:somebody", b"{}")
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("asked again at once")
    announcer.close()
