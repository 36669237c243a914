"""A proxy, two hosts that serve and one with the data, each a machine of its own: one is cut off while people talk.

When it is healed nothing acknowledged is lost, every client is where the server is, and every answer is one text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from chatserver.config import load
from chatserver.database import open_pool
from chatserver.knowledge.index import LanceIndex
from chatserver.protocol.frames import User
from chatserver.rooms.store import Store
from chatserver.serving.nginx import Nginx, render
from tests.chat import Chat
from tests.client_model import ClientModel
from tests.credentials import access_token
from tests.data_host import DataHost, data_host
from tests.knowledge import add_text
from tests.machines import BACK, FRONT, NETWORKS, Cut, Machines, what_is_missing
from tests.nginx import certificate, program
from tests.persistent import Persistent
from tests.records import Site

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.geteuid() != 0, reason=what_is_missing()),
]

DEADLINE = 60.0
QUESTION = "What is a room?"
WORDS = " ".join(f"word{n}" for n in range(160)) + " 你好，世界 🙂. That is it. [1]"
PORT = 8000
SERVING = ("one", "two")
NAME = "chat.test"


@dataclass
class Hosts:
    machines: Machines
    data: DataHost
    store: Store
    site: Site
    processes: dict[str, int]
    """The process groups of the hosts that serve."""
    folder: Path
    trusted: ssl.SSLContext

    async def chat(self, user: User, model: ClientModel, *, at: str = "edge") -> Chat:
        """A client's socket, through the proxy or to a host that serves."""
        address, token = NETWORKS[FRONT][at], access_token(user.id)
        if at != "edge":
            sock = await self.machines.connection("client", address, PORT)
            return Chat(f"ws://{address}/ws", token, model=model, sock=sock)
        sock = await self.machines.connection("client", address, 443)
        return Chat(f"wss://{NAME}/ws", token, model=model, sock=sock, ssl=self.trusted)

    async def ready(self, name: str) -> tuple[int, str]:
        return await self.machines.get("client", NETWORKS[FRONT][name], PORT, "/readyz")

    async def until_ready(self, name: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while (await self.ready(name))[0] != 200:
                await asyncio.sleep(0.1)

    async def until_not_ready(self, name: str, *parts: str) -> None:
        """Wait until the host says of each of `parts` that it does not answer."""
        async with asyncio.timeout(DEADLINE):
            while True:
                status, body = await self.ready(name)
                if status == 503 and "ok" not in [json.loads(body)[part] for part in parts]:
                    return
                await asyncio.sleep(0.1)

    async def writer(self) -> str:
        """The host that writes the only answer there is."""
        (job,) = await self.store.running()
        group = os.getpgid(int(job.worker.split(".")[-2]))  # its name is host.pid.random
        return next(name for name, found in self.processes.items() if found == group)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    with Machines() as machines:
        async with data_host(machines, text=WORDS) as data:
            store = await Store.open(data.local_url)
            try:
                site = await Site(store.pool).create()
                index = LanceIndex(str(folder / "index"))
                await add_text(store.pool, index, site, "Rooms", "A room is a place where people talk. It has members.")
                processes = {name: await _serve(machines, name, data, folder) for name in SERVING}
                trusted = await _proxy(machines, folder)
                made = Hosts(machines, data, store, site, processes, folder, trusted)
                await asyncio.gather(*map(made.until_ready, SERVING))
                yield made
            finally:
                await store.close()
                await machines.stop()


async def _serve(machines: Machines, name: str, data: DataHost, folder: Path) -> int:
    address = NETWORKS[FRONT][name]
    environ = {
        **data.environ,
        "DATA_DIR": str(folder / name),
        "INDEX_URL": str(folder / "index"),
        "PUBLIC_URL": f"https://{NAME}",
        "ALLOWED_HOSTS": ",".join(NETWORKS[FRONT].values()),
        "TRUSTED_PROXIES": "1",
        "SENDS_PER_MINUTE": "10000",
    }
    command = (
        *(sys.executable, "-m", "gunicorn", "chatserver.asgi:application", "-c", "chatserver/serving/gunicorn.conf.py"),
        *("--workers", "1", "--bind", f"{address}:{PORT}"),
    )
    return (await machines.start(name, *command, log=folder / f"{name}.log", environ=environ)).pid


async def _proxy(machines: Machines, folder: Path) -> ssl.SSLContext:
    """nginx with the project's own configuration; returns what trusts its certificate."""
    front = NETWORKS[FRONT]
    public, key = certificate(folder, NAME, front["edge"])
    options = Nginx(
        certificate=str(public),
        key=str(key),
        upstreams=tuple(f"{front[name]}:{PORT}" for name in SERVING),
        listen=(f"{front['edge']}:443",),
        listen_http=(f"{front['edge']}:80",),
        access_log=str(folder / "access.log"),
        worker_connections=256,
    )
    path = folder / "nginx.conf"
    path.write_text(render(load({"PUBLIC_URL": f"https://{NAME}"}), options))
    command = (program(), "-p", folder, "-c", path, "-g", "daemon off; user root;")
    await machines.start("edge", *command, log=folder / "nginx.log")
    return ssl.create_default_context(cafile=public)


@dataclass
class Talk:
    """People in one room, on sockets of both hosts, who go on talking whatever happens."""

    hosts: Hosts
    room: str
    people: list[Persistent]

    @asynccontextmanager
    async def chatter(self) -> AsyncIterator[None]:
        """Everybody goes on sending, and waits for the last acknowledgement in the end."""
        over = asyncio.Event()

        async def talk(number: int, person: Persistent) -> None:
            count = 0
            while not over.is_set():
                await person.say(f"{number} says {(count := count + 1)}", ask=False)
                await asyncio.sleep(0.2)  # as fast as people, or the room would be all there is to do

        async with asyncio.TaskGroup() as group:
            for number, person in enumerate(self.people):
                group.create_task(talk(number, person))
            try:
                yield
            finally:
                over.set()

    @property
    def acknowledged(self) -> int:
        return sum(len(person.acknowledged) for person in self.people)

    def status(self, person: Persistent, answer: str) -> str:
        message = person.model.rooms[self.room].messages.get(answer)
        return str(message["status"]) if message else ""

    def begun(self, answer: str, attempt: int) -> list[Persistent]:
        """Who has some of the answer's text in this attempt."""
        lives = [(person, person.model.rooms[self.room].live.get(answer)) for person in self.people]
        return [person for person, live in lives if live is not None and live.attempt == attempt and live.n >= 5]

    async def until_begun(self, answer: str, attempt: int, people: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(self.begun(answer, attempt)) < people:
                await asyncio.sleep(0.05)

    async def until_alike(self) -> None:
        """Wait until everybody knows what the server has; all that was acknowledged is in it."""
        history, _ = await self.hosts.store.history(self.room, 1_000_000, 100_000)  # the newest first
        head = (await self.hosts.store.heads([self.room]))[self.room]
        stored = {message.id: (message.text, message.status, message.attempt) for message in history}
        texts = {message.id: message.text for message in history}
        for person in self.people:
            room = person.model.rooms[self.room]
            await person.until(lambda room=room: room.rev == head.rev, DEADLINE)  # type: ignore[misc]
            known = {id_: (each["text"], each["status"], each["attempt"]) for id_, each in room.messages.items()}
            assert known
            assert known == dict(list(stored.items())[: len(known)])
            assert person.acknowledged.items() <= texts.items()


@asynccontextmanager
async def talk_in_a_room(hosts: Hosts) -> AsyncIterator[Talk]:
    """Four people who have just come, on the two hosts in turn."""
    async with AsyncExitStack() as stack:
        users = [await hosts.site.user(name) for name in ("Ann", "Bob", "Cyd", "Dan")]
        room = await hosts.site.room(hosts.store, *users)
        talk = Talk(hosts, room, [])
        for user in users:
            person = Persistent(partial(hosts.chat, user), room)
            stack.push_async_callback(person.close)
            talk.people.append(person)
            async with asyncio.timeout(DEADLINE):
                await person.online()
        yield talk


async def cut_and_heal(hosts: Hosts, *networks: str, how: Cut) -> None:
    everything = BACK in networks and FRONT in networks
    async with talk_in_a_room(hosts) as talk:
        people = talk.people
        answer = (await people[0].say(QUESTION))["answer"]
        await talk.until_begun(answer, 1, len(people))
        away = await hosts.writer()
        async with talk.chatter():
            hosts.machines.cut(away, *networks, how=how)
            try:
                if not everything:
                    await hosts.until_not_ready(away, "database", "redis")
                # The other host writes the next attempt, and whoever can be there is there.
                await talk.until_begun(answer, 2, len(people) if everything else 1)
                late = [person for person in people if person not in talk.begun(answer, 2)]
                said = talk.acknowledged
                async with asyncio.timeout(DEADLINE):
                    while talk.acknowledged <= said:
                        await asyncio.sleep(0.05)
            finally:
                hosts.machines.heal(away, *networks, how=how)
            await hosts.until_ready(away)
            for person in people:
                await person.until(lambda person=person: talk.status(person, answer) == "complete", DEADLINE)  # type: ignore[misc]
        if everything:
            assert any(person.sockets > 1 for person in people)
        else:
            # Their host could not serve them, and kept them.
            assert any(person.sockets == 1 for person in late), [person.ends for person in late]
        await talk.until_alike()
        message = await hosts.store.message(answer)
        assert message is not None
        assert (message.text, message.attempt, message.status) == (WORDS, 2, "complete")
        joined = [person.model.rooms[talk.room].joined[answer] for person in people]
        assert joined == [WORDS] * len(people)
        # The host that was away serves and writes as before.
        user = await hosts.site.user("Eve")
        room = await hosts.site.room(hosts.store, user)
        async with await hosts.chat(user, ClientModel(), at=away) as chat:
            await chat.hello(room)
            again = (await chat.ask(room, QUESTION))["answer"]
            assert (await chat.until_status(room, again, "complete", deadline=DEADLINE))["text"] == WORDS
            assert chat.model.rooms[room].joined[again] == WORDS
        for name in SERVING:
            _, found, rest = hosts.log(name).partition("Traceback")
            assert not found, rest[:2000]


async def test_a_host_without_a_cable_is_replaced_and_taken_back(hosts: Hosts) -> None:
    await cut_and_heal(hosts, FRONT, BACK, how="unplugged")


async def test_a_host_that_falls_silent_is_replaced_and_taken_back(hosts: Hosts) -> None:
    await cut_and_heal(hosts, FRONT, BACK, how="silent")


async def test_a_host_that_loses_the_data_alone_keeps_its_sockets_and_heals(hosts: Hosts) -> None:
    await cut_and_heal(hosts, BACK, how="silent")


async def test_a_room_that_a_silent_host_had_locked_is_free_again(hosts: Hosts) -> None:
    user = await hosts.site.user("Fay")
    room = await hosts.site.room(hosts.store, user)
    lock = "SELECT id FROM rooms_room WHERE id = $1::uuid FOR UPDATE"
    held, over = threading.Event(), threading.Event()

    async def hold() -> None:
        pool = await open_pool(hosts.data.environ["DATABASE_URL"])
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.execute(lock, room)
            held.set()
            await asyncio.to_thread(over.wait)
            pool.terminate()

    holding = asyncio.create_task(asyncio.to_thread(hosts.machines.inside, "two", lambda: asyncio.run(hold())))
    try:
        assert await asyncio.to_thread(held.wait, DEADLINE)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await hosts.store.pool.execute(f"{lock} NOWAIT", room)
        hosts.machines.cut("two", BACK, how="silent")
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(asyncpg.LockNotAvailableError):
                    await hosts.store.pool.execute(f"{lock} NOWAIT", room)
                    break
                await asyncio.sleep(0.1)
    finally:
        hosts.machines.heal("two", BACK, how="silent")
        over.set()
        await holding
    await hosts.until_ready("two")
