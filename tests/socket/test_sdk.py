"""The SDK against a real server: the example of docs/sdk.md for Node, as it stands there."""

from __future__ import annotations

import asyncio
import re
import sys
import uuid
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password

from tests.api import ANSWER, DEADLINE, Api
from tests.server import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

SDK = ROOT / "frontend/src/sdk/index.ts"


def example(name: str) -> str:
    """The code block of docs/sdk.md with this name, on the SDK's sources."""
    found = re.search(rf"```\w+ {name}\n(.*?)```", (ROOT / "docs/sdk.md").read_text(), re.DOTALL)
    assert found, f"docs/sdk.md has no example {name}"
    assert "@chatserver/client" in found[1]
    return found[1].replace('"@chatserver/client"', f'"{SDK}"')


async def test_the_example_for_node_prints_the_answer(api: Api, tmp_path: Path) -> None:
    ann, name = await api.member("Ann"), f"ann-{uuid.uuid4().hex}"
    await api.store.pool.execute(
        "UPDATE sites_user SET username = $2, password = $3 WHERE id = $1::uuid", ann.id, name, make_password("x")
    )
    await api.site.room(api.store, ann)
    script = tmp_path / "example.mjs"
    script.write_text(example("node"))
    node = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("node"), script, api.server.http, name, "x", "What is a room?"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        out, err = await node.communicate()
    assert node.returncode == 0, err.decode()
    assert err == b""
    assert out.decode().strip() == ANSWER
