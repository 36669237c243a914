"""Documents from upload to search and away again, with a background worker in a process of its own."""

from __future__ import annotations

import asyncio
import io
import uuid
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api, background_worker, problem
from tests.documents import pdf
from tests.owner import COLLECTIONS, DOCUMENTS, SEARCH, Owner, as_owner, kept
from tests.records import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def worker(api: Api) -> AsyncIterator[None]:
    async with background_worker(api.environ):
        yield


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
    again = await owner.post(DOCUMENTS, files={"file": ("ibex.md", data, "text/markdown")})
    assert again.status_code == 202
    assert again.json() == {"id": first, "status": "ready", "unchanged": True}
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


async def test_a_text_under_another_title_is_another_text(owner: Owner) -> None:
    page = {"text": "It sleeps all day.", "url": "https://zoo.example/koala"}
    old = await owner.write("Koala", **page)
    await owner.until(old, "ready")
    new = await owner.write("Numbat", **page)
    await owner.until(new, "ready")
    assert [passage["document"] for passage in await owner.search("numbat")] == [new]
    assert await owner.search("koala") == []


async def test_a_document_says_whose_it_is(owner: Owner, site: Site, api: Api) -> None:
    id_ = await owner.write("Whose", "The marmot whistles.")
    found = await owner.until(id_, "ready")
    assert found["owner"]["name"] == "Olga"
    assert (found["parent"], found["source"]) == (None, None)
    # Who gave it may go; what they gave stays.
    await api.store.pool.execute("UPDATE knowledge_document SET owner_id = NULL WHERE id = $1::uuid", id_)
    assert (await owner.get(f"{DOCUMENTS}/{id_}")).json()["owner"] is None


async def test_the_passages_are_shown_as_the_assistant_sees_them(owner: Owner) -> None:
    parts = [f"## Part {n}\n\n{f'The lemur of part {n} leaps far. ' * 40}" for n in range(5)]
    id_ = await owner.give("lemurs.md", "\n\n".join(["# Lemurs", *parts]).encode())
    found = await owner.until(id_, "ready")
    whole = (await owner.get(f"{DOCUMENTS}/{id_}/chunks")).json()
    chunks = whole["chunks"]
    assert whole["total"] == len(chunks) == found["total"] >= 5
    assert not whole["more"]
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    assert {chunk["heading"] for chunk in chunks} >= {"Part 0", "Part 4"}
    assert all(chunk["start"] < chunk["end"] and not chunk["embedded"] for chunk in chunks)
    (passage,) = await owner.search("the lemur of part 4", k=1)
    shown = next(chunk for chunk in chunks if chunk["id"] == passage["chunk"])
    assert {name: passage[name] for name in ("text", "heading", "page", "start", "end")} == {
        name: shown[name] for name in ("text", "heading", "page", "start", "end")
    }

    first = (await owner.get(f"{DOCUMENTS}/{id_}/chunks", params={"limit": 2})).json()
    assert (first["chunks"], first["more"], first["total"]) == (chunks[:2], True, len(chunks))
    rest = (await owner.get(f"{DOCUMENTS}/{id_}/chunks", params={"after": 1})).json()
    assert (rest["chunks"], rest["more"]) == (chunks[2:], False)
    for query, field in (("limit=0", "limit"), ("limit=201", "limit"), ("after=-2", "after"), ("after=x", "after")):
        refused = await owner.get(f"{DOCUMENTS}/{id_}/chunks?{query}")
        assert problem(refused, 422, "invalid")["field"] == field


async def test_a_failed_document_is_tried_again(api: Api, owner: Owner) -> None:
    id_ = await owner.give("later.md", b"# Later\n\nThe gecko climbs.")
    await owner.until(id_, "ready")
    problem(await owner.post(f"{DOCUMENTS}/{id_}/retry"), 409, "conflict")
    # As if the disk had not given it the first time.
    (path,) = [api.uploads / name for name in kept(api) if (api.uploads / name).read_bytes().endswith(b"gecko climbs.")]
    hidden = path.rename(path.with_suffix(".away"))
    await api.store.pool.execute(
        "UPDATE knowledge_document SET status = 'failed', error = 'Gone.' WHERE id = $1::uuid", id_
    )
    await owner.post(f"{DOCUMENTS}/{id_}/retry")
    await owner.until(id_, "failed")
    hidden.rename(path)
    answer = await owner.post(f"{DOCUMENTS}/{id_}/retry")
    assert answer.status_code == 202
    assert answer.json() == {"id": id_, "status": "queued"}
    assert (await owner.until(id_, "ready"))["error"] is None


async def test_what_came_in_an_archive_goes_with_it(api: Api, owner: Owner) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("zoo/one.md", "# One\n\nThe dingo howls.")
        archive.writestr("zoo/two.md", "# Two\n\nThe dingo runs.")
    files = kept(api)
    id_ = await owner.give("zoo.zip", file.getvalue(), "application/zip")
    await owner.until(id_, "ready")
    members = (await owner.get(DOCUMENTS, params={"parent": id_})).json()["documents"]
    assert [member["parent"] for member in members] == [id_, id_]
    for member in members:
        await owner.until(member["id"], "ready")
    assert len(await owner.search("dingo")) == 2
    assert (await owner.delete(f"{DOCUMENTS}/{id_}")).status_code == 204
    assert await owner.search("dingo") == []
    assert (await owner.get(DOCUMENTS)).json()["documents"] == []
    assert kept(api) == files


# --- the list and the search -----------------------------------------------------------------------------------------


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


async def test_the_list_is_narrowed(api: Api, owner: Owner) -> None:
    made = await owner.post(COLLECTIONS, json={"name": "Other", "visibility": "internal"})
    ids = {
        "text": await owner.write("100% Wool", "The alpaca is shorn."),
        "page": await owner.write("Caps", "The alpaca is combed.", url="https://farm.example/Wool_caps"),
        "other": await owner.write("Hats", "The alpaca is fed.", collection=made.json()["id"]),
        "failed": await owner.give("hat.pdf", b"%PDF-1.7 broken", "application/pdf"),
    }
    for name, id_ in ids.items():
        await owner.until(id_, "failed" if name == "failed" else "ready")
    for narrow, expected in [
        ({}, {"text", "page", "other", "failed"}),
        ({"query": "wool"}, {"text", "page"}),
        ({"query": " 100% "}, {"text"}),
        ({"query": "%"}, {"text"}),
        ({"query": "_"}, {"page"}),
        ({"query": "hat"}, {"other", "failed"}),
        ({"query": "hat", "status": "failed"}, {"failed"}),
        ({"collection": made.json()["id"]}, {"other"}),
        ({"parent": ids["text"]}, set()),
        ({"source": ids["text"]}, set()),
    ]:
        answer = await owner.get(DOCUMENTS, params=narrow)
        assert {each["id"] for each in answer.json()["documents"]} == {ids[name] for name in expected}, narrow
    problem(await owner.get(DOCUMENTS, params={"query": "x" * 201}), 422, "invalid")


async def test_a_search_says_what_the_assistant_would_be_shown(owner: Owner) -> None:
    given = await owner.write("Bats", "The bat sleeps upside down. The bat hunts at night.")
    other = await owner.write("Cats", "The cat sleeps a lot.")
    await asyncio.gather(*(owner.until(id_, "ready") for id_ in (given, other)))
    found = (await owner.post(SEARCH, json={"query": "Where does the bat hunt?"})).json()
    assert (found["embedder"], found["dense"], found["relevant"]) == (None, "off", True)
    best = found["passages"][0]
    assert (best["document"], best["relevant"], best["dense"]) == (given, True, None)
    assert 0 < best["score"] <= 1 < best["lexical"] + 1
    assert {passage["document"] for passage in await owner.search("Who sleeps?")} == {given, other}
    assert {passage["document"] for passage in await owner.search("Who sleeps?", documents=[other])} == {other}
    found = (await owner.post(SEARCH, json={"query": "Which insurance covers the night train to Vienna?"})).json()
    assert not found["relevant"]
    assert all(not passage["relevant"] for passage in found["passages"])


@pytest.mark.parametrize(
    "body",
    [
        {"query": ""},
        {"query": "x" * 2001},
        {"query": "x", "k": 0},
        {"query": "x", "k": 51},
        {"query": "x", "documents": ["x"]},
    ],
)
async def test_a_search_that_cannot_be_is_refused(owner: Owner, body: dict[str, Any]) -> None:
    problem(await owner.post(SEARCH, json=body), 422, "invalid")


@pytest.mark.parametrize(
    "query", ["'", '"', "a' OR '1'='1", "*", "the", "🙂", "\u202e", "x" * 2000, "?!", "-", "AND OR NOT", "中"]
)
async def test_any_text_may_be_searched_for(owner: Owner, query: str) -> None:
    assert await owner.search(query) == []


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
            ("GET", f"{DOCUMENTS}/{id_}/chunks", None),
            ("POST", f"{DOCUMENTS}/{id_}/retry", None),
            ("DELETE", f"{DOCUMENTS}/{id_}", None),
            ("POST", SEARCH, {"query": "narwhal"}),
        ]:
            problem(await client.request(method, path, json=body), 403, "forbidden")


async def test_a_manager_sees_nothing_of_another_site(api: Api, owner: Owner) -> None:
    id_ = await owner.write("Mine", "The axolotl grins.")
    await owner.until(id_, "ready")
    (collection,) = [each["id"] for each in await owner.collections()]
    site = await Site(api.store.pool, key=f"site-{uuid.uuid4().hex[:12]}").create()
    other = as_owner(api, await api.member("Eve", "admin", site))

    assert (await other.get(DOCUMENTS)).json() == {"documents": [], "more": False}
    assert (await other.get(DOCUMENTS, params={"collection": collection})).json()["documents"] == []
    assert (await other.get(DOCUMENTS, params={"query": "Mine"})).json()["documents"] == []
    assert await other.search("axolotl") == []
    problem(await other.post(SEARCH, json={"query": "axolotl", "collection": collection}), 404, "not_found")
    problem(await other.get(f"{DOCUMENTS}/{id_}"), 404, "not_found")
    problem(await other.get(f"{DOCUMENTS}/{id_}/chunks"), 404, "not_found")
    problem(await other.post(f"{DOCUMENTS}/{id_}/retry"), 404, "not_found")
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
    (collection,) = await owner.collections()
    root = as_owner(api, await api.site.user("Root", superuser=True))
    answer = await root.post(DOCUMENTS, json={"title": "x", "text": "y"})
    assert problem(answer, 422, "invalid")["field"] == "collection"
    id_ = await root.write("Theirs", "The tapir wakes.", collection=collection["id"])
    await owner.until(id_, "ready")
    assert id_ in {passage["document"] for passage in await owner.search("tapir")}
