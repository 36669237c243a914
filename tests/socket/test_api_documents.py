"""Documents from upload to search and away again, with a background worker in a process of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from chatserver.ids import uuid7
from tests.api import DEADLINE, UPLOAD_BYTES, Api, background_worker, problem
from tests.owner import DOCUMENTS, Owner, accepted, as_owner
from tests.records import Site
from tests.unit.test_parse import pdf

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def worker(api: Api) -> AsyncIterator[None]:
    async with background_worker(api.environ):
        yield


def kept(api: Api) -> set[str]:
    return {path.name for path in api.uploads.iterdir()} if api.uploads.exists() else set()


# --- what is found ---------------------------------------------------------------------------------------------------


async def test_a_file_is_read_and_found(owner: Owner) -> None:
    text = f"# Rules of the house\n\n{'Guests keep quiet after ten. ' * 30}\n\n## 退款\n\n退款将在十四天内支付。\n"
    id_ = await owner.give("rules.md", text.encode(), "text/markdown", url="https://shop.example/rules")
    found = await owner.until(id_, "ready")
    assert found["title"] == "Rules of the house"
    assert found["origin"] == found["url"] == "https://shop.example/rules"
    assert (found["media_type"], found["size"], found["error"]) == ("text/markdown", len(text.encode()), None)
    assert found["done"] == found["total"] > 0
    passage = (await owner.search("什么时候退款"))[0]
    assert (passage["document"], passage["title"], passage["heading"]) == (id_, "Rules of the house", "退款")
    assert passage["url"] == "https://shop.example/rules"
    assert passage["score"] > 0


async def test_a_text_is_found_by_k_best_passages(owner: Owner) -> None:
    ids = [
        await owner.write(f"Animal {n}", f"The capybara number {n} sleeps in the {place}.")
        for n, place in enumerate(("river", "garden", "kitchen"))
    ]
    await asyncio.gather(*(owner.until(id_, "ready") for id_ in ids))
    assert {passage["document"] for passage in await owner.search("capybara")} == set(ids)
    (best,) = await owner.search("Where is the garden capybara?", k=1)
    assert best["document"] == ids[1]


async def test_a_pdf_is_found_with_its_page_and_a_broken_one_says_why(owner: Owner) -> None:
    broken = await owner.give("broken.pdf", b"%PDF-1.7\n" + b"\x00garbage" * 100, "application/pdf")
    pages = [[f"Line {n} of the page on {bird}s says more." for n in range(40)] for bird in ("penguin", "ostrich")]
    good = await owner.give("good.pdf", pdf(pages), "application/pdf")
    failed, _ = await asyncio.gather(owner.until(broken, "failed"), owner.until(good, "ready"))
    assert "PDF" in failed["error"]
    assert "Traceback" not in failed["error"]
    passage = (await owner.search("ostrich"))[0]
    assert (passage["document"], passage["page"]) == (good, 2)


@pytest.mark.parametrize(
    ("name", "data"), [("empty.md", b""), ("blank.txt", b" \n\n \t"), ("word.docx", b"PK\x03\x04nothing")]
)
async def test_a_file_without_text_fails_with_a_reason(owner: Owner, name: str, data: bytes) -> None:
    found = await owner.until(await owner.give(name, data), "failed")
    assert len(found["error"]) > 10


async def test_the_same_content_again_is_the_same_document(api: Api, owner: Owner) -> None:
    data = f"# Once\n\nThe ibex {uuid.uuid4().hex} climbs.".encode()
    first = await owner.give("ibex.md", data)
    await owner.until(first, "ready")
    files = kept(api)
    assert await owner.give("ibex.md", data) == first
    assert kept(api) == files
    assert (await owner.until(first, "ready"))["status"] == "ready"
    assert len((await owner.get(DOCUMENTS)).json()["documents"]) == 1
    assert len(await owner.search("ibex")) == 1


async def test_new_content_under_the_same_name_takes_the_place_of_the_old(api: Api, owner: Owner) -> None:
    old = await owner.give("price.md", f"# Price\n\nThe okapi costs nine. {uuid.uuid4().hex}".encode())
    await owner.until(old, "ready")
    files = kept(api)
    new = await owner.give("price.md", b"# Price\n\nThe okapi costs seven.")
    await owner.until(new, "ready")
    assert [passage["document"] for passage in await owner.search("okapi")] == [new]
    problem(await owner.get(f"{DOCUMENTS}/{old}"), 404, "not_found")
    assert len(kept(api)) == len(files)


async def test_a_deleted_document_is_gone_from_search_at_once(api: Api, owner: Owner) -> None:
    before = kept(api)
    id_ = await owner.write("Deleted", "The quokka smiles.")
    await owner.until(id_, "ready")
    assert await owner.search("quokka")
    assert len(kept(api)) == len(before) + 1
    assert (await owner.delete(f"{DOCUMENTS}/{id_}")).status_code == 204
    assert await owner.search("quokka") == []
    assert kept(api) == before
    problem(await owner.delete(f"{DOCUMENTS}/{id_}"), 404, "not_found")
    again = await owner.write("Deleted", "The quokka smiles.")
    assert again != id_
    await owner.until(again, "ready")
    assert [passage["document"] for passage in await owner.search("quokka")] == [again]


async def test_an_upload_through_the_pages_session_needs_its_token(api: Api, site: Site) -> None:
    page = await api.page(await api.member("Olga", "admin", site))
    file = {"file": ("panda.md", b"# Panda", "text/markdown")}
    token = page.cookies["csrftoken"]
    problem(await page.post(DOCUMENTS, files=file), 403, "forbidden")
    problem(await page.post(DOCUMENTS, files=file, data={"csrfmiddlewaretoken": token}), 403, "forbidden")
    accepted(await page.post(DOCUMENTS, files=file, headers={"X-CSRFToken": token}))


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_what_is_too_large_leaves_nothing(api: Api, owner: Owner) -> None:
    before = kept(api)
    for size in (UPLOAD_BYTES + 1, UPLOAD_BYTES * 2):
        answer = await owner.post(DOCUMENTS, files={"file": ("big.txt", b"x" * size, "text/plain")})
        assert f"{UPLOAD_BYTES:,}" in problem(answer, 413, "too_large")["detail"]
        problem(await owner.post(DOCUMENTS, json={"title": "Big", "text": "x" * size}), 413, "too_large")
    assert kept(api) == before
    id_ = await owner.give("just.txt", b"x " * (UPLOAD_BYTES // 2), "text/plain")
    await owner.until(id_, "ready")


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
    id_ = await owner.give(name, f"# Name\n\n{uuid.uuid4().hex}".encode())
    (added,) = kept(api) - before
    assert added.isalnum()
    await owner.until(id_, "ready")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": "x"}, "text"),
        ({"title": "x", "text": " \n"}, "text"),
        ({"title": " ", "text": "y"}, "title"),
        ({"title": "x", "text": "a\0b"}, "body"),
        ({"title": "x", "text": "y", "url": "javascript:alert(1)"}, "url"),
        ({"url": "https://shop.example/page"}, "url"),
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


# --- whose they are --------------------------------------------------------------------------------------------------


async def test_who_is_no_admin_sees_no_documents(api: Api, site: Site, owner: Owner) -> None:
    id_ = await owner.write("Secret", "The narwhal hides.")
    visitor = await site.user("Visitor", kind="visitor")
    for user in (await api.member("Max", "member", site), await api.member("Otto", "operator", site), visitor):
        client = api.client(user)
        for method, path, body in [
            ("GET", DOCUMENTS, None),
            ("POST", DOCUMENTS, {"title": "x", "text": "y"}),
            ("GET", f"{DOCUMENTS}/{id_}", None),
            ("DELETE", f"{DOCUMENTS}/{id_}", None),
            ("GET", "/api/v1/collections", None),
            ("POST", "/api/v1/search", {"query": "narwhal"}),
        ]:
            problem(await client.request(method, path, json=body), 403, "forbidden")


async def test_a_manager_sees_nothing_of_another_site(api: Api, owner: Owner) -> None:
    id_ = await owner.write("Mine", "The axolotl grins.")
    await owner.until(id_, "ready")
    ((collection,),) = [[each["id"] for each in (await owner.get("/api/v1/collections")).json()["collections"]]]
    site = await Site(api.store.pool, key=f"site-{uuid.uuid4().hex[:12]}").create()
    other = as_owner(api, await api.member("Eve", "admin", site))

    assert (await other.get(DOCUMENTS)).json() == {"documents": [], "more": False}
    assert (await other.get(DOCUMENTS, params={"collection": collection})).json()["documents"] == []
    assert (await other.get("/api/v1/collections")).json() == {"collections": []}
    assert await other.search("axolotl") == []
    problem(await other.post("/api/v1/search", json={"query": "axolotl", "collection": collection}), 404, "not_found")
    problem(await other.get(f"{DOCUMENTS}/{id_}"), 404, "not_found")
    problem(await other.delete(f"{DOCUMENTS}/{id_}"), 404, "not_found")
    answer = await other.post(DOCUMENTS, json={"title": "x", "text": "y", "collection": collection})
    assert problem(answer, 422, "invalid")["field"] == "collection"
    # The same content in another site is another document.
    theirs = await other.write("Mine", "The axolotl grins.")
    assert theirs != id_
    await other.until(theirs, "ready")
    assert [passage["document"] for passage in await other.search("axolotl")] == [theirs]
    assert [passage["document"] for passage in await owner.search("axolotl")] == [id_]


async def test_who_manages_several_sites_names_the_collection(api: Api, owner: Owner) -> None:
    await owner.write("Mine", "The tapir naps.")
    (collection,) = (await owner.get("/api/v1/collections")).json()["collections"]
    root = as_owner(api, await api.site.user("Root", superuser=True))
    answer = await root.post(DOCUMENTS, json={"title": "x", "text": "y"})
    assert problem(answer, 422, "invalid")["field"] == "collection"
    id_ = await root.write("Theirs", "The tapir wakes.", collection=collection["id"])
    await owner.until(id_, "ready")
    assert id_ in {passage["document"] for passage in await owner.search("tapir")}


async def test_the_list_is_newest_first_in_pages(owner: Owner) -> None:
    ids = [await owner.write(f"Page {n}", f"The page {n}.") for n in range(5)]
    first = (await owner.get(DOCUMENTS, params={"limit": 3})).json()
    assert [document["id"] for document in first["documents"]] == ids[:1:-1]
    assert first["more"]
    rest = (await owner.get(DOCUMENTS, params={"limit": 3, "before": ids[2]})).json()
    assert [document["id"] for document in rest["documents"]] == ids[1::-1]
    assert not rest["more"]
    for query, field in (("limit=0", "limit"), ("before=x", "before"), ("status=lost", "status")):
        assert problem(await owner.get(f"{DOCUMENTS}?{query}"), 422, "invalid")["field"] == field


@pytest.mark.parametrize(
    "body", [{"query": ""}, {"query": "x" * 2001}, {"query": "x", "k": 0}, {"query": "x", "k": 51}]
)
async def test_a_search_that_cannot_be_is_refused(owner: Owner, body: dict[str, Any]) -> None:
    problem(await owner.post("/api/v1/search", json=body), 422, "invalid")


@pytest.mark.parametrize(
    "query", ["'", '"', "a' OR '1'='1", "*", "the", "🙂", "\u202e", "x" * 2000, "?!", "-", "AND OR NOT", "中"]
)
async def test_any_text_may_be_searched_for(owner: Owner, query: str) -> None:
    assert await owner.search(query) == []
