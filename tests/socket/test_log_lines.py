"""What real processes write: in JSON each line is an object, whoever logged it; requests and sockets leave one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from chatserver.config import load
from chatserver.serving.background import worker_command
from tests.cluster.conftest import Cluster, cluster
from tests.credentials import access_token
from tests.server import ROOT, Server

__all__ = ["cluster"]

JSON = {"LOG_FORMAT": "json", "TRUSTED_PROXIES": "1"}
DEADLINE = 30.0


def parsed(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


async def until_logged(server: Server, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE):
        while not (found := [line for line in parsed(server.log) if wanted(line)]):
            await asyncio.sleep(0.05)
    return found[0]


async def request_ids(server: Server, given: str | None) -> str:
    """The id that the server answers a request with, where it was given one."""
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as client:
        headers = {} if given is None else {"X-Request-Id": given}
        response = await client.get("/api/v1/rooms?access_token=hunter2hunter2", headers=headers)
    assert response.status_code == 401
    return response.headers["x-request-id"]


async def test_every_line_is_an_object_and_names_its_request_or_socket(cluster: Cluster) -> None:
    token = access_token(cluster.ann.id)
    async with cluster.server(**JSON) as server, cluster.chat(server, cluster.ann) as ann:
        room = await cluster.site.room(cluster.store, cluster.ann)
        conn = (await ann.hello(room))["conn"]
        async with httpx.AsyncClient(base_url=server.http, trust_env=False) as client:
            answer = await client.post(
                "/api/v1/ask",
                json={"question": "What is a room?"},
                headers={"Authorization": f"Bearer {token}", "X-Request-Id": "proxy-1:a.b_c"},
            )
            assert answer.text.rstrip().endswith("}")
            assert answer.headers["x-request-id"] == "proxy-1:a.b_c"
        line = await until_logged(server, lambda line: line.get("request") == "proxy-1:a.b_c")
        assert (line["logger"], line["method"], line["path"], line["status"]) == (
            *("chatserver.access", "POST", "/api/v1/ask", 200),
        )
        assert line["ms"] > 0

        for forged in ("a b", "x" * 65, 'x"y', ""):
            assert await request_ids(server, forged) != forged
        asked = await request_ids(server, None)
        line = await until_logged(server, lambda line: line.get("request") == asked)
        assert (line["path"], line["status"]) == ("/api/v1/rooms", 401)

        await ann.send({"type": "ping", "id": "1"})
        await ann.__aexit__(None, None, None)
        line = await until_logged(server, lambda line: line.get("conn") == conn and line["event"] == "socket")
        assert (line["code"], line["frames"], line["user"]) == (1000, 2, cluster.ann.id)

        worker = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
        os.kill(int(worker), signal.SIGKILL)  # gunicorn has something to say
        await until_logged(server, lambda line: line["logger"] == "gunicorn.error")
        assert not any(secret in server.log for secret in (token, "hunter2", "What is a room", "Ann"))
        assert not [line for line in parsed(server.log) if line["logger"] == "chatserver.wiring" and "request" in line]


async def test_without_a_trusted_proxy_nobody_names_requests_and_people_see_no_access_log(cluster: Cluster) -> None:
    async with cluster.server() as server:
        assert await request_ids(server, "forged") != "forged"
        await server.stop()
    assert "/api/v1/rooms" not in server.log
    assert "INFO chatserver.wiring: answers come from" in server.log


async def test_the_background_worker_writes_the_same_lines(cluster: Cluster) -> None:
    environ = {**cluster.environ, **JSON, "LOG_LEVEL": "DEBUG"}
    process = await asyncio.create_subprocess_exec(
        *worker_command(load(environ)),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    loggers: set[str] = set()
    try:
        async with asyncio.timeout(DEADLINE):
            while not any(name.startswith("celery") for name in loggers):
                loggers.add(json.loads(await process.stderr.readline())["logger"])
    finally:
        process.terminate()
        lines = (await process.stderr.read()).decode().splitlines()
        await process.wait()
    assert all(json.loads(line)["level"] for line in lines)
