"""How soon a deleted document is found no more: deleted through one server, searched through that one and another."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from bench.world import percentile, world
from tests.credentials import access_token
from tests.server import ROOT

DOCUMENTS = 40
OPEN = 0.001
"""Between two looks, in seconds."""


async def measure() -> None:
    async with world(processes=2) as here:
        admin = await here.site.user("Olga")
        await here.store.pool.execute(
            "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, 'admin')",
            *(here.site.id, admin.id),
        )
        await asyncio.to_thread(_ingest, here.site.key, here.environ)
        headers = {"Authorization": f"Bearer {access_token(admin.id)}"}
        async with (
            httpx.AsyncClient(base_url=here.servers[0].http, headers=headers, timeout=30) as one,
            httpx.AsyncClient(base_url=here.servers[1].http, headers=headers, timeout=30) as other,
        ):
            listed = (await one.get("/api/v1/documents", params={"limit": 200})).json()["documents"]
            named = {each["title"]: each["id"] for each in listed}
            same, elsewhere = [], []
            for n in range(DOCUMENTS):
                word, document = _word(n), named[f"Note {n}"]
                assert await _found(one, word) and await _found(other, word)  # noqa: PT018
                answer = await one.delete(f"/api/v1/documents/{document}")
                assert answer.status_code == 204, answer.text
                begin = time.perf_counter()
                times = await asyncio.gather(_until_gone(one, word, begin), _until_gone(other, word, begin))
                same.append(times[0])
                elsewhere.append(times[1])
        for name, found in (("the same server", same), ("another server", elsewhere)):
            late = sum(each > 0 for each in found)
            print(
                f"  {name}: found no more by the first search after the answer in {DOCUMENTS - late} of {DOCUMENTS} "
                f"deletions, else after {percentile([1000 * each for each in found], 1.0):.0f} ms at most"
            )


def _ingest(site: str, environ: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        for n in range(DOCUMENTS):
            Path(name, f"{n}.md").write_text(f"# Note {n}\n\nThe password of the day is {_word(n)}.\n")
        command = [sys.executable, "manage.py", "ingest", name, "--site", site]
        subprocess.run(command, cwd=ROOT, env=os.environ | environ, check=True, stdout=subprocess.DEVNULL)


def _word(n: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{7919 * (n + 11) % 1_000_003:07d}")


async def _found(client: httpx.AsyncClient, word: str) -> bool:
    answer = await client.post("/api/v1/search", json={"query": word})
    assert answer.status_code == 200, answer.text
    return any(word in passage["text"] for passage in answer.json()["passages"])


async def _until_gone(client: httpx.AsyncClient, word: str, begin: float) -> float:
    """Seconds after `begin` at which the first search that did not find it began; 0 for the very first one."""
    late = 0.0
    while await _found(client, word):
        await asyncio.sleep(OPEN)
        late = time.perf_counter() - begin
    return late
