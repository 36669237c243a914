"""Deltas delivered to one room of many sockets: this server (both of its servers) beside Node's socket.io.

socket.io emits them in the very process that has the sockets; ours come from another process, over Redis.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.crowd import TEXT, Crowd, Member
from bench.fanout import CROWD, LIMITS, MODEL, RATE, TOKENS, deliver, reader, report
from bench.world import group_cpu_seconds, world
from chatserver.ids import uuid7
from chatserver.protocol.frames import User
from tests.server import ROOT

ROUNDS = 3
DELTAS = 25
"""A second and answer: ours go out at most every 40 ms, whatever the model's rate."""
PEER = Path(__file__).parent / "peers"
FOLDER = ROOT / "var/bench/peers"
# Node.js is the one from PyPI, in the virtual environment.
ENVIRON = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


class SocketIo(Member):
    """A socket.io client, version 4, on a WebSocket from the beginning."""

    path = "/socket.io/?EIO=4&transport=websocket"
    protocol = ""

    def opened(self) -> None:
        pass  # the server speaks first

    def take(self, frame: bytes) -> None:
        if frame.startswith(b"42"):
            self.deltas += frame.startswith(b'42["answer.delta"')
            self.answers += frame.startswith(b'42["message"')
            self.changed()
        elif frame == b"2":
            self.send(TEXT, b"3")
        elif frame.startswith(b"40"):
            self.ready = True
            self.changed()
        elif frame.startswith(b"0"):
            self.send(TEXT, b"40")


async def measure() -> None:
    await _install()
    async with (
        _socketio() as (node, port),
        world(processes=1, model=MODEL, **LIMITS) as made,
        reader(made, "daphne") as daphne,
        reader(made, "uvicorn") as uvicorn,
    ):
        for _ in range(ROUNDS):
            await _deliver(node, port)
            for name, server in (("Daphne", daphne), ("uvicorn", uvicorn)):
                await deliver(made, server, f"ours, {name}", rooms=1, sockets=CROWD)


async def _deliver(node: asyncio.subprocess.Process, port: int) -> None:
    """As `fanout.deliver`, which has its answer written elsewhere."""
    assert node.stdin is not None
    nobody = User(id=str(uuid7()), name="Nobody", kind="user")
    async with Crowd(f"ws://127.0.0.1:{port}", SocketIo) as crowd:
        await crowd.join([(nobody, ())] * CROWD)
        delta = {"room": str(uuid7()), "message": str(uuid7()), "attempt": 1}
        loop = asyncio.get_running_loop()
        begun, before = loop.time(), group_cpu_seconds(node.pid)
        told = {"rate": DELTAS, "tokens": TOKENS * DELTAS // RATE, "delta": delta}
        node.stdin.write(json.dumps(told).encode() + b"\n")
        await crowd.until(lambda: all(member.answers for member in crowd.members), seconds=120)
        report("socket.io", crowd.deltas, loop.time() - begun, group_cpu_seconds(node.pid) - before)


@asynccontextmanager
async def _socketio() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    node = await asyncio.create_subprocess_exec(
        *("node", "socketio.mjs"),
        cwd=FOLDER,
        env=ENVIRON,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert node.stdout is not None
    try:
        yield node, int(await node.stdout.readline())
    finally:
        os.killpg(node.pid, signal.SIGTERM)  # `node` may be a script that starts it
        await node.wait()


async def _install() -> None:
    """From the npm registry, once."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "socketio.mjs"):
        shutil.copy(PEER / name, FOLDER)
    npm = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-audit", "--no-fund", "--loglevel=error"),
        cwd=FOLDER,
        env=ENVIRON,
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await npm.wait():
        sys.exit("socket.io could not be installed from the npm registry.")
