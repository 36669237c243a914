"""200 deltas a second into an answer of 50 kB: frames, and what a delta costs at its beginning and its end."""

from __future__ import annotations

import contextlib
import http.server
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from bench.frontend.chromium import Counters, Tasks, chromium_page
from bench.world import percentile
from tests.server import ROOT

RATE = 200
DELTA = 6
"""Characters of a delta: a token and a half of English."""
LENGTH = 50_000
EARLY, LATE = 5_000, 45_000
SECONDS = 4.0

VITE = ("--config", "vite.config.ts", "--emptyOutDir", "--logLevel", "error")

SECTION = """
## Part {n}: what a room *is*

A room is a place where **people** and the assistant talk, as `docs/protocol.md` says.[1] It has members, a policy and
a log of messages that are numbered without gaps, so that a client that was away asks only for what it missed.[2][3]

1. The client sends `hello` with its credentials, and the position that it has of each room.
   - Rooms that it knows answer with **changes** alone; see [the protocol](https://example.com/docs/protocol#{n}).
   - Rooms that it does not know answer with their latest messages.
2. 房间是人与助手**交谈**的地方，消息按顺序编号，离线之后只需补上缺少的部分。
3. Everything else is an *event* that carries its position.

| Frame | Direction | Positions | What it says |
|-------|:---------:|----------:|--------------|
| `hello` | -> | {n} | Who is there, and what they know |
| `answer.delta` | <- | 2 | More of an answer[1] |

```python
async def deliver(self, room: RoomId, data: bytes) -> None:
    for outbox in tuple(self._outboxes.get(room, ())):
        outbox.offer(data)  # one stalled phone must not delay the room
```

> Positions, not hopes: anything that can be lost carries a position.
"""


def texts() -> dict[str, str]:
    prose = "One sentence after the other, with **bold** words and `code`, and no end of the paragraph in sight. "
    item = "- item {n} with *some* words and a [link](https://example.com/{n})\n"
    code = "    value_{n} = compute(value_{n}, **options)  # line {n} of one block of code\n"
    return {
        "everything": "".join(SECTION.format(n=n) for n in range(60))[:LENGTH],
        "one list": "".join(item.format(n=n) for n in range(900))[:LENGTH],
        "one block of code": ("```python\n" + "".join(code.format(n=n) for n in range(900)))[:LENGTH],
        "one paragraph": (prose * (LENGTH // len(prose) + 1))[:LENGTH],
    }


async def measure() -> None:
    with built_page() as address:
        async with chromium_page() as page:
            await page.goto(address)
            await page.evaluate("bench.ready")
            counters = await Counters.of(page)
            for name, text in texts().items():
                early, late = [await cost(page, counters, text, at) for at in (EARLY, LATE)]
                print(f"  {name}, CPU time of the main thread at {EARLY:,} and at {LATE:,} characters:")
                for label, was in early.items():
                    print(
                        f"    {label:36} {was:.2f} ms, {late[label]:.2f} ms: ratio {late[label] / was:.2f}", flush=True
                    )
            text = texts()["everything"]
            await page.evaluate("text => bench.fill(text, 0)", text)
            async with Tasks.of(page) as tasks:
                streamed = await page.evaluate(f"text => bench.stream(text, {RATE}, {DELTA}, 1000)", text)
            print(f"  everything, from the first word to the last: {frames_of(streamed)}")
            print(f"    CPU time of its longest task: {tasks.milliseconds[0]:.1f} ms")


async def cost(page: Page, counters: Counters, text: str, at: int) -> dict[str, float]:
    """CPU milliseconds. The log is scrolled to its end in each frame."""
    await page.evaluate("([text, at]) => bench.fill(text, at)", [text, at])
    before = await counters.read()
    streamed = await page.evaluate(f"text => bench.stream(text, {RATE}, {DELTA}, {SECONDS})", text)
    after = await counters.read()
    spent = {part: (after[part] - before[part]) * 1000 for part in after}
    return {
        "scripts for a delta": spent["ScriptDuration"] / streamed["deltas"],
        "layout for a frame": spent["LayoutDuration"] / len(streamed["frames"]),
        "all for a frame, with style and paint": spent["TaskDuration"] / len(streamed["frames"]),
    }


def frames_of(streamed: dict[str, Any]) -> str:
    frames: list[float] = streamed["frames"]
    long: list[float] = streamed["long"]
    return (
        f"{streamed['deltas']} deltas, {len(frames)} frames, p50 {percentile(frames, 0.5):.1f} ms, "
        f"p99 {percentile(frames, 0.99):.1f} ms, longest {max(frames):.1f} ms; "
        f"{len(long)} tasks over 50 ms{f', the longest {max(long):.0f} ms' if long else ''}"
    )


@contextlib.contextmanager
def built_page() -> Iterator[str]:
    """The address of the page `frontend/bench`, built by Vite and served by this process."""
    frontend = ROOT / "frontend"
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        subprocess.run(
            ["node_modules/.bin/vite", "build", "bench", *VITE, "--outDir", folder],
            cwd=frontend,
            env=os.environ | {"PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"},
            check=True,
        )
        index = next(Path(folder).rglob("index.html"))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(index.parent))) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/"
            finally:
                server.shutdown()
                thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass
