"""A room of 10,000 messages in the rooms app: until it is shown, and scrolling up through all of its history."""

from __future__ import annotations

import asyncio
import time

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.async_api import Page

from bench.frontend.chromium import Counters, chromium_page
from bench.frontend.streaming import SECTION
from bench.world import World, percentile, world
from chatserver.protocol.frames import User
from tests.records import draft

MESSAGES = 10_000
OPENINGS = 7
PIXELS = 400
"""Scrolled in each frame: 24,000 a second, faster than a hand can."""
PASSWORD = "correct horse"
BEGINNING = "The first message of all"

SHOWN = """() => new Promise((resolve) => {
  const look = () =>
    document.querySelector("#messages article")
      ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
      : requestAnimationFrame(look);
  look();
})"""
"""When the room's first messages were painted, in milliseconds since the page was asked for."""

SCROLL = """async ([pixels, beginning]) => {
  const box = document.getElementById("messages");
  const frames = [];
  let last = performance.now();
  for (let i = 0; i < 300; i++) {
    box.scrollTop -= pixels;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
    if (box.textContent.includes(beginning)) return { frames, over: true };
  }
  return { frames, over: false };
}"""


async def measure() -> None:
    async with world(processes=1) as made:
        begun = time.perf_counter()
        room, user = await seeded(made)
        print(f"  {MESSAGES:,} messages stored in {time.perf_counter() - begun:.1f} s", flush=True)
        app = f"{made.servers[0].http}/app/"
        async with chromium_page() as page:
            await sign_in(page, app, user)
            await openings(page, f"{app}r/{room}")
            await scrolling(page)


async def seeded(made: World) -> tuple[str, str]:
    """A room in which two people talk and every fourth message is an answer; returns its id and a user name."""
    people = await made.users(2)
    room = await made.site.room(made.store, *people, policy="off", title="Ten thousand")

    async def talk(author: User, numbers: range) -> None:
        for n in numbers:
            text = (
                BEGINNING if n == 0 else f"Message {n}: what people write, in one line or in two, with a word to find."
            )
            await made.store.append(draft(room, author, f"m{n}", text))

    # The order matters to nobody but the first.
    await talk(people[0], range(1))
    await asyncio.gather(*(talk(people[n % 2], range(1 + n, MESSAGES, 50)) for n in range(50)))
    pool = made.store.pool
    await pool.execute(
        "UPDATE rooms_message SET author_id = (SELECT id FROM sites_user WHERE kind = 'assistant'), cid = NULL, "
        "text = $2 WHERE room_id = $1::uuid AND seq % 4 = 0",
        room,
        SECTION.format(n=1),
    )
    name = f"bench-{people[0].id}"
    await pool.execute(
        "UPDATE sites_user SET username = $2, password = $3 WHERE id = $1::uuid",
        people[0].id,
        name,
        PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsalt", iterations=1),
    )
    await pool.execute("UPDATE sites_site SET origins = $1", [server.http for server in made.servers])
    return room, name


async def sign_in(page: Page, app: str, user: str) -> None:
    await page.goto(app)
    await page.locator("input[name=username]").fill(user)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("input[name=password]").press("Enter")
    await page.locator(".room-list").wait_for()


async def openings(page: Page, address: str) -> None:
    taken = []
    for _ in range(OPENINGS):
        await page.goto("about:blank")
        await page.goto(address, wait_until="commit")
        taken.append(float(await page.evaluate(SHOWN)))
    print(
        f"  from the address to its messages: p50 {percentile(taken, 0.5):.0f} ms, slowest {max(taken):.0f} ms "
        f"of {OPENINGS} (page, scripts, socket, room)",
        flush=True,
    )


async def scrolling(page: Page) -> None:
    counters = await Counters.of(page)
    frames: list[float] = []

    async def report(label: str) -> None:
        now = await counters.settled()
        elements = await page.evaluate("document.querySelectorAll('*').length")
        print(f"  {label}: JS heap {now['JSHeapUsedSize'] / 1e6:.1f} MB, {elements:,} elements in the page", flush=True)

    await report("at the end of the room")
    cpu = 0.0
    rounds = 0
    while True:
        before = await counters.read()
        scrolled = await page.evaluate(SCROLL, [PIXELS, BEGINNING])
        cpu += (await counters.read())["TaskDuration"] - before["TaskDuration"]
        frames += scrolled["frames"]
        rounds += 1
        if scrolled["over"]:
            break
        if rounds % 10 == 0:
            await report(f"after {len(frames):,} frames of scrolling up")
    await report("at its beginning")
    print(
        f"  scrolling: {len(frames):,} frames, p50 {percentile(frames, 0.5):.1f} ms, "
        f"p99 {percentile(frames, 0.99):.1f} ms, longest {max(frames):.0f} ms; "
        f"{cpu / len(frames) * 1000:.1f} ms of CPU time a frame"
    )
    await page.locator(".jump").click()
    await page.wait_for_function("document.getElementById('messages').textContent.includes('Message 9')")
    await report("back at its end")
