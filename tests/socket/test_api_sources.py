"""From an answer's citation to the passage in its document, and to the file: who may, and what when it is gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from chatserver.ids import uuid7
from chatserver.protocol.frames import User
from tests.api import Api, problem
from tests.chat import Chat
from tests.credentials import access_token
from tests.records import draft

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEFORE = [f"Paragraph {n}: what comes before, in some words. 前面的话。" for n in range(60)]
PASSAGE = "We open at **nine** in the morning,\nexcept on Sundays. 我们九点开门。"
AFTER = [f"Paragraph {n}: what comes after, in some words. 后面的话。" for n in range(60)]
TEXT = "\n\n".join([*BEFORE, PASSAGE, *AFTER])
QUOTE = "We open at nine in the morning, except on Sundays. 我们九点开门。"


@dataclass
class Cited:
    """A room with one message whose sources are `sources`."""

    api: Api
    owner: User
    room: str
    message: str

    def path(self, n: int = 1) -> str:
        return f"/api/v1/rooms/{self.room}/messages/{self.message}/sources/{n}"

    async def get(self, user: User | None = None, n: int = 1, rest: str = "") -> httpx.Response:
        return await self.api.client(user or self.owner).get(self.path(n) + rest)


async def collection(api: Api, visibility: str = "public", site: str | None = None) -> str:
    id_ = str(uuid7())
    await api.store.pool.execute(
        """INSERT INTO knowledge_collection(id, site_id, name, visibility, created)
           VALUES ($1::uuid, $2::uuid, $3, $4, now())""",
        *(id_, site or api.site.id, f"Hours {id_}", visibility),
    )
    return id_


async def document(
    api: Api, where: str, *, file: str = "", origin: str = "", media_type: str = "text/markdown", text: str = TEXT
) -> str:
    """A document with one chunk that holds the passage."""
    id_, start = str(uuid7()), max(text.find(PASSAGE), 0)
    await api.store.pool.execute(
        """INSERT INTO knowledge_document(id, collection_id, title, origin, url, media_type, content_hash, file, text,
                                          size, status, error, done, total, created, updated)
           VALUES ($1::uuid, $2::uuid, 'Hours 时间', $3, 'https://a.example/hours', $4, $5, $6,
                   $7, 0, 'ready', '', 1, 1, now(), now())""",
        *(id_, where, origin, media_type, hashlib.sha256(id_.encode()).digest(), file, text),
    )
    await api.store.pool.execute(
        """INSERT INTO knowledge_chunk(id, document_id, ordinal, heading, page, text, start, "end")
           VALUES ($1::uuid, $2::uuid, 0, 'Opening', 3, $3, $4, $5)""",
        *(str(uuid7()), id_, text[start : start + len(PASSAGE)], start, start + len(PASSAGE)),
    )
    return id_


async def cite(api: Api, *documents: str, quote: str = QUOTE, members: Sequence[User] = ()) -> Cited:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann, *members, policy="off")
    message = (await api.store.append(draft(room, ann, "1"))).message
    sources = [
        {"n": n, "document": id_, "title": "Hours", "quote": quote, "where": "p. 3, Opening"}
        for n, id_ in enumerate(documents, 1)
    ]
    await api.store.pool.execute(
        "UPDATE rooms_message SET sources = $2 WHERE id = $1::uuid", message, json.dumps(sources)
    )
    return Cited(api, ann, room, message)


async def test_the_passage_is_shown_in_its_place(api: Api) -> None:
    id_ = await document(api, await collection(api))
    answer = await (await cite(api, id_)).get()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found.keys() == {"document", "title", "url", "where", "before", "passage", "after", "download"}
    assert (found["document"], found["title"], found["where"]) == (id_, "Hours 时间", "p. 3, Opening")
    assert found["url"] == "https://a.example/hours"
    assert found["passage"] == PASSAGE
    assert found["before"] + found["passage"] + found["after"] in TEXT
    assert found["before"].startswith("Paragraph ")
    assert found["after"].endswith("后面的话。")
    assert 1_000 < len(found["before"]) <= 1_500
    assert 1_000 < len(found["after"]) <= 1_500
    assert found["download"] is None


async def test_an_answer_of_the_assistant_leads_to_its_document(api: Api) -> None:
    ann = await api.member("Ann")
    room = await api.site.room(api.store, ann)
    async with Chat(api.server.ws, access_token(ann.id)) as chat:
        await chat.hello(room)
        sent = await chat.ask(room, "What is a room?")
        final = await chat.until_status(room, sent["answer"], "complete")
    (source,) = final["sources"]
    found = (await Cited(api, ann, room, sent["answer"]).get(n=source["n"])).json()
    assert found["title"] == "Rooms"
    assert found["before"] + found["passage"] + found["after"] == (
        "A room is a place where people and the assistant talk. It has members."
    )


@pytest.mark.parametrize("quote", ["Words that the new version has no more.", "…", ""])
async def test_a_passage_that_is_not_found_is_its_quotation(api: Api, quote: str) -> None:
    found = (await (await cite(api, await document(api, await collection(api)), quote=quote)).get()).json()
    assert (found["before"], found["passage"], found["after"]) == ("", quote, "")


async def test_a_document_that_is_gone_says_so(api: Api) -> None:
    cited = await cite(api, str(uuid7()))
    assert "no longer there" in problem(await cited.get(), 404, "not_found")["detail"]
    assert "no longer there" in problem(await cited.get(rest="/document"), 404, "not_found")["detail"]


async def test_only_who_reads_the_room_and_the_collection_sees_it(api: Api) -> None:
    visitor = await api.site.user("Visitor", kind="visitor")
    await api.store.pool.execute(
        """INSERT INTO sites_visitor(user_id, site_id, email, token_digest, created, seen)
           VALUES ($1::uuid, $2::uuid, '', $3, now(), now())""",
        *(visitor.id, api.site.id, uuid.uuid4().bytes),
    )
    hidden = await document(api, await collection(api, "internal"))
    foreign = await document(api, await collection(api, site=api.other.id))
    open_ = await document(api, await collection(api))
    cited = await cite(api, hidden, foreign, open_, members=[visitor])
    stranger = await api.member("Sam")
    for rest in ("", "/document"):
        problem(await cited.get(stranger, rest=rest), 404, "not_found")
        problem(await api.client().get(cited.path() + rest), 401, "unauthenticated")
        problem(await cited.get(visitor, rest=rest), 403, "forbidden")
        problem(await cited.get(n=2, rest=rest), 403, "forbidden")
        problem(await cited.get(n=4, rest=rest), 404, "not_found")
        problem(await cited.get(n=0, rest=rest), 404, "not_found")
    assert (await cited.get(visitor, n=3)).json()["passage"] == PASSAGE
    assert (await cited.get()).json()["passage"] == PASSAGE
    other_room = await api.site.room(api.store, cited.owner)
    problem(await Cited(api, cited.owner, other_room, cited.message).get(), 404, "not_found")


# --- the file --------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def page(api: Api) -> str:
    """A document that is an HTML page of 3 MB."""
    name = f"uploads/{uuid.uuid4().hex}"
    path = Path(api.environ["DATA_DIR"]) / name
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(path.write_bytes, b"<script>alert(1)</script>" * 120_000)
    return await document(
        api, await collection(api), file=name, origin='../a/Öffnungs "zeiten".html', media_type="text/html"
    )


async def test_the_document_is_downloaded_as_it_was_given(api: Api, page: str) -> None:
    cited = await cite(api, page)
    link = (await cited.get()).json()["download"]
    assert link == cited.path() + "/document"
    answer = await api.client(cited.owner).get(link)
    assert answer.content == b"<script>alert(1)</script>" * 120_000
    said: dict[str, Any] = dict(answer.headers)
    assert said["content-disposition"] == ("attachment; filename*=utf-8''%C3%96ffnungs%20%22zeiten%22.html")
    assert said["content-length"] == str(len(answer.content))
    assert said["x-content-type-options"] == "nosniff"
    assert said["content-security-policy"].startswith("sandbox")
    assert "no-store" in said["cache-control"]


async def test_a_client_that_reads_slowly_costs_no_memory(api: Api, page: str) -> None:
    path = Path(api.environ["DATA_DIR"]) / await api.store.pool.fetchval(
        "SELECT file FROM knowledge_document WHERE id = $1::uuid", page
    )
    size = 128 * 1024 * 1024  # the kernel's buffers may hold some 40 MB
    with await asyncio.to_thread(path.open, "r+b") as file:
        await asyncio.to_thread(file.truncate, size)
    cited = await cite(api, page)
    async with api.client(cited.owner).stream("GET", cited.path() + "/document") as answer:
        assert answer.headers["content-length"] == str(size)
        # The server has read as much as lies in the kernel's buffers between us, and waits there.
        position = await settled(api.server.pid, path)
        assert position < size // 2
        received = 0
        async for block in answer.aiter_raw():
            received += len(block)
    assert received == size


async def settled(arbiter: int, path: Path) -> int:
    """How far the server has read the file, once it has stopped reading: the same in ten looks in a row."""
    seen: list[int] = []
    async with asyncio.timeout(20):
        while len(seen) < 10 or len(set(seen[-10:])) > 1:
            seen += [position for position in [_position(arbiter, path)] if position is not None]
            await asyncio.sleep(0.05)
    return seen[-1]


def _position(arbiter: int, path: Path) -> int | None:
    """Where the process of the server that has the file open is in it (proc(5), fdinfo)."""
    for worker in Path(f"/proc/{arbiter}/task/{arbiter}/children").read_text().split():
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            try:
                if descriptor.readlink() == path.resolve():
                    return int(Path(f"/proc/{worker}/fdinfo/{descriptor.name}").read_text().split()[1])
            except FileNotFoundError:
                continue
    return None


async def test_a_text_that_had_no_file_name_is_called_by_its_title(api: Api, page: str) -> None:
    await api.store.pool.execute(
        "UPDATE knowledge_document SET origin = 'https://a.example/x', media_type = $2 WHERE id = $1::uuid",
        *(page, "text/markdown"),
    )
    answer = await (await cite(api, page)).get(rest="/document")
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''Hours%20%E6%97%B6%E9%97%B4.md"


async def test_a_file_that_is_gone_says_so(api: Api, page: str) -> None:
    file = await api.store.pool.fetchval("SELECT file FROM knowledge_document WHERE id = $1::uuid", page)
    await asyncio.to_thread((Path(api.environ["DATA_DIR"]) / file).unlink)
    cited = await cite(api, page)
    assert (await cited.get()).json()["download"] is None
    problem(await cited.get(rest="/document"), 404, "not_found")
