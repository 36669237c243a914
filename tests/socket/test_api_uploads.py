"""What may be uploaded, what is refused, and what is left of that: nothing. No worker reads any of it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatserver.ids import uuid7
from tests.api import DEADLINE, UPLOAD_BYTES, Api, problem
from tests.owner import DOCUMENTS, Owner, accepted, kept
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_upload_through_the_pages_session_needs_its_token(api: Api, site: Site) -> None:
    page = await api.page(await api.member("Olga", "admin", site))
    file = {"file": ("panda.md", b"# Panda", "text/markdown")}
    token = page.cookies["csrftoken"]
    problem(await page.post(DOCUMENTS, files=file), 403, "forbidden")
    problem(await page.post(DOCUMENTS, files=file, data={"csrfmiddlewaretoken": token}), 403, "forbidden")
    accepted(await page.post(DOCUMENTS, files=file, headers={"X-CSRFToken": token}))


async def test_what_is_too_large_leaves_nothing(api: Api, owner: Owner) -> None:
    before = kept(api)
    for size in (UPLOAD_BYTES + 1, UPLOAD_BYTES * 2):
        answer = await owner.post(DOCUMENTS, files={"file": ("big.txt", b"x" * size, "text/plain")})
        assert f"{UPLOAD_BYTES:,}" in problem(answer, 413, "too_large")["detail"]
        problem(await owner.post(DOCUMENTS, json={"title": "Big", "text": "x" * size}), 413, "too_large")
    assert kept(api) == before
    await owner.give("just.txt", b"x " * (UPLOAD_BYTES // 2), "text/plain")


async def test_a_body_that_hides_its_size_is_bounded_too(api: Api, owner: Owner) -> None:
    async def pieces(total: int) -> AsyncIterator[bytes]:
        yield b'{"title": "Big", "text": "'
        for _ in range(total // 65_536):
            yield b"x" * 65_536
        yield b'"}'

    before = kept(api)
    for size in (UPLOAD_BYTES + 65_536, 3 * 1024 * 1024):
        headers = {"Content-Type": "application/json"}
        problem(await owner.post(DOCUMENTS, content=pieces(size), headers=headers), 413, "too_large")
    assert kept(api) == before


async def test_a_body_announced_as_huge_is_refused_before_it_is_sent(api: Api) -> None:
    """By the web server itself, for any path and anybody: it would keep all of it on the disk first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    writer.write(b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n")
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in head
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("name", "type_"), [("run.exe", "application/x-msdownload"), ("noname", "application/octet-stream"), ("x.doc", "")]
)
async def test_a_kind_that_cannot_be_read_is_refused_at_once(api: Api, owner: Owner, name: str, type_: str) -> None:
    before = kept(api)
    answer = await owner.post(DOCUMENTS, files={"file": (name, b"MZ", type_)})
    assert problem(answer, 422, "invalid")["field"] == "file"
    assert kept(api) == before


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.md", "/etc/x.md", "..\\x.md", "a" * 500 + ".md", "x\u202e.md"])
async def test_a_file_name_is_never_a_path(api: Api, owner: Owner, name: str) -> None:
    before = kept(api)
    await owner.give(name, f"# Name\n\n{uuid.uuid4().hex}".encode())
    (added,) = kept(api) - before
    assert added.isalnum()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": "x"}, "text"),
        ({"title": "x", "text": " \n"}, "text"),
        ({"title": " ", "text": "y"}, "title"),
        ({"title": "x", "text": "a\0b"}, "body"),
        ({"title": "x", "text": "y", "url": "javascript:alert(1)"}, "url"),
        ({"url": "http://127.0.0.1/page"}, "url"),
        ({"url": "x" * 2001}, "body"),
        ({"title": "x", "text": "y", "collection": "nothing"}, "collection"),
        ({"title": "x", "text": "y", "collection": str(uuid7())}, "collection"),
        ({"title": "x" * 501, "text": "y"}, "body"),
        ({"title": 7, "text": "y"}, "body"),
    ],
)
async def test_a_refused_text_names_the_field(owner: Owner, body: dict[str, Any], field: str) -> None:
    assert problem(await owner.post(DOCUMENTS, json=body), 422, "invalid")["field"] == field


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"garbage"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n" * 1001),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\n" * 101,
        ),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=\xff", b"--b--"),
        ("application/x-www-form-urlencoded", b"title=x&text=y"),
        ("text/plain", b"hello"),
    ],
)
async def test_a_form_without_a_file_is_refused(owner: Owner, type_: str, body: bytes) -> None:
    answer = await owner.post(DOCUMENTS, content=body, headers={"Content-Type": type_.encode("latin-1")})
    problem(answer, 422, "invalid")
