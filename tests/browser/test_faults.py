"""What a person sees of faults in the rooms app: a reload, a lost network, a server that dies. Nothing is lost, nothing
comes twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Demo
from tests.browser.test_rooms import PLAIN, QUESTION, flat
from tests.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.usefixtures("slow_answers")
async def test_a_reload_in_the_middle_of_an_answer_continues_it(demo: Demo) -> None:
    rooms = await demo.signed_in()
    await rooms.create("Reload")
    await rooms.ask(QUESTION)
    await expect(rooms.answer.locator(".answer-text")).to_contain_text("A room is")
    await rooms.page.reload()
    await expect(rooms.answer).to_have_attribute("data-status", "pending")
    await expect(rooms.answer.locator(".answer-text")).to_contain_text("A room is")
    await rooms.ended()
    assert flat(await rooms.text()) == flat(PLAIN)
    await expect(rooms.answers).to_have_count(1)


async def test_a_message_written_offline_is_sent_once_when_the_network_is_back(demo: Demo) -> None:
    one, two = await demo.signed_in(0), await demo.signed_in(1)
    await one.create("Offline")
    await two.open("Offline")
    await one.page.context.set_offline(True)
    await expect(one.page.locator(".connection")).to_contain_text("You are offline.", timeout=15_000)
    await one.ask(QUESTION)
    await expect(one.said).to_contain_text("Waits for the connection")
    await expect(one.page.locator(".connection")).to_contain_text("1 message will be sent")
    await expect(two.said).to_have_count(0)
    await one.page.context.set_offline(False)
    for window in (one, two):
        await expect(window.said).to_have_count(1)
        await expect(window.said).to_contain_text(QUESTION)
        await window.ended()
        await expect(window.answers).to_have_count(1)
        assert flat(await window.text()) == flat(PLAIN)
    await expect(one.page.locator(".connection")).to_have_count(0)
    demo.problems.clear()  # the browser itself reports each connection that fails


async def test_a_message_written_offline_survives_a_reload(demo: Demo) -> None:
    rooms = await demo.signed_in()
    await rooms.create("Reloaded offline")
    await rooms.page.route("**/ws", lambda route: route.abort())
    await rooms.page.context.set_offline(True)
    await expect(rooms.page.locator(".connection")).to_contain_text("You are offline.", timeout=15_000)
    await rooms.ask(QUESTION)
    await expect(rooms.said).to_contain_text("Waits for the connection")
    await rooms.page.context.set_offline(False)
    await rooms.page.reload()
    await expect(rooms.said).to_have_count(1, timeout=15_000)
    await rooms.ended()
    demo.problems.clear()


async def test_a_message_to_a_room_that_has_not_loaded_is_on_screen(demo: Demo) -> None:
    rooms = await demo.signed_in()
    await rooms.listed("Not loaded")
    await rooms.page.context.set_offline(True)
    await expect(rooms.page.locator(".connection")).to_contain_text("You are offline.", timeout=15_000)
    await rooms.open("Not loaded")
    await expect(rooms.page.get_by_role("log")).to_contain_text("Loading")
    await rooms.ask(QUESTION)
    await expect(rooms.said).to_contain_text("Waits for the connection")
    await rooms.page.context.set_offline(False)
    await rooms.ended()
    await expect(rooms.said).to_have_count(1)
    await expect(rooms.page.locator(".timeline-start")).to_contain_text("begins")
    demo.problems.clear()


@pytest.mark.usefixtures("slow_answers")
async def test_a_server_that_is_killed_in_the_middle_of_an_answer(demo: Demo) -> None:
    """Both servers' processes die at once, so that the one that wrote the answer is among them."""
    one, two = await demo.signed_in(0), await demo.signed_in(1)
    await one.create("Killed")
    await two.open("Killed")
    await one.ask(QUESTION)
    for window in (one, two):
        await expect(window.answer.locator(".answer-text")).to_contain_text("A room is")
    for server in demo.servers:
        for process in workers(server):
            os.kill(process, signal.SIGKILL)  # gunicorn starts others in their place
    for window in (one, two):
        await window.ended()
        assert flat(await window.text()) == flat(PLAIN)
        await expect(window.said).to_have_count(1)
        await expect(window.answers).to_have_count(1)
        await expect(window.page.locator(".connection")).to_have_count(0)
    demo.problems.clear()  # the browser itself reports each connection that fails


def workers(server: Server) -> list[int]:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    assert children
    return [int(child) for child in children]
