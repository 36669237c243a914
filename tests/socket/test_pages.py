"""What people's browsers load: pages, the built front end, the widget's loader; over the real server."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from django.test import AsyncClient, override_settings
from websockets.asyncio.client import connect

from chatserver.api import frontend
from chatserver.api.texts import TEXTS
from tests.api import Api
from tests.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


def linked(page: str) -> list[str]:
    """Every address that the page loads something from."""
    return re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page)


def inert(page: str) -> bool:
    """Nothing that the page's policy would refuse: scripts, handlers and styles stand in files."""
    return not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|<style|\sstyle=", page)


# --- the start page --------------------------------------------------------------------------------------------------


async def test_the_start_page_leads_to_everything_in_both_languages(api: Api) -> None:
    for headers, texts in (({}, TEXTS["en"]), (CHINESE, TEXTS["zh-CN"])):
        answer = await api.client(**headers).get("/")
        assert answer.status_code == 200
        for name in ("title", "rooms", "api", "admin", "answers_model"):
            assert texts[name] in answer.text
        assert "scripted" in answer.text, "how answers are made now"
        assert inert(answer.text)
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        for path in (*linked(answer.text), "/app/", "/api/v1/docs", "/admin/"):
            assert path in answer.text
            assert (await api.client().get(path, follow_redirects=True)).status_code == 200, path
    assert TEXTS["en"].keys() == TEXTS["zh-CN"].keys()
    assert set(TEXTS) == {"en", "zh-CN"}


async def test_the_language_that_is_chosen_stays(api: Api) -> None:
    client = api.client()
    answer = await client.get("/?language=zh-CN")
    assert TEXTS["zh-CN"]["title"] in answer.text
    assert 'lang="zh-CN"' in answer.text
    assert answer.headers["content-language"] == "zh-CN"
    assert TEXTS["zh-CN"]["title"] in (await client.get("/")).text
    assert TEXTS["zh-CN"]["app_loading"] in (await client.get("/app/")).text
    assert TEXTS["en"]["title"] in (await client.get("/?language=en")).text
    assert TEXTS["en"]["title"] in (await client.get("/?language=xx")).text


# --- the app ---------------------------------------------------------------------------------------------------------


async def test_every_route_of_the_app_gets_the_shell(api: Api) -> None:
    client = api.client()
    moved = await client.get("/app?x=1")
    assert (moved.status_code, moved.headers["location"]) == (302, "/app/?x=1")
    for path in ("/app/", "/app/r/01932b5e-0000-7000-8000-000000000001", "/app/no/such/route"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.cookies["csrftoken"] or client.cookies["csrftoken"]
        assert answer.headers["cache-control"] == "no-cache, private"
        assert inert(answer.text)
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src", "worker-src")} == {"'self'"}
        assert policy["frame-ancestors"] == "'none'"
        assert 'data-base="/"' in answer.text
        assert 'data-signed-in="no"' in answer.text
        assert '<html lang="en"' in answer.text
        assert all(address.startswith("/") for address in linked(answer.text))
        for address in linked(answer.text):
            assert (await client.get(address)).status_code == 200, address
        assert any(re.fullmatch(r"/static/assets/app-[\w-]{8}\.js", address) for address in linked(answer.text))
        assert any(re.fullmatch(r"/static/assets/app-[\w-]{8}\.css", address) for address in linked(answer.text))
    assert '<html lang="zh-CN"' in (await api.client(**CHINESE).get("/app/")).text
    assert (await client.post("/app/", headers={"X-CSRFToken": client.cookies["csrftoken"]})).status_code in (403, 405)


async def test_the_shell_knows_who_is_signed_in_and_the_kept_one_does_not(api: Api) -> None:
    page = await api.page(await api.member("Ann"))
    assert 'data-signed-in="yes"' in (await page.get("/app/r/x")).text
    assert 'data-signed-in=""' in (await page.get("/app/?offline")).text
    page.cookies.set("sessionid", "x" * 32)
    assert 'data-signed-in="no"' in (await page.get("/app/")).text


async def test_the_app_can_be_installed_in_both_languages(api: Api) -> None:
    for headers, texts in (({}, TEXTS["en"]), (CHINESE, TEXTS["zh-CN"])):
        answer = await api.client(**headers).get("/app/manifest.webmanifest")
        assert answer.headers["content-type"] == "application/manifest+json"
        said = answer.json()
        assert (said["name"], said["display"]) == (texts["app_name"], "standalone")
        assert said["start_url"] == said["scope"] == "/app/"
        assert {(icon["sizes"], icon["purpose"]) for icon in said["icons"]} >= {
            ("192x192", "any"),
            ("512x512", "any"),
            ("512x512", "maskable"),
        }
        for icon in said["icons"]:
            image = await api.client().get(icon["src"])
            assert image.headers["content-type"].split(";")[0] == icon["type"]
            if icon["type"] == "image/png":
                width, height = struct.unpack(">II", image.content[16:24])
                assert icon["sizes"] == f"{width}x{height}"


async def test_the_service_worker_keeps_files_that_exist_and_nothing_of_the_servers(api: Api) -> None:
    client = api.client()
    answer = await client.get("/app/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    (files,) = re.findall(r"new Set\(\[(.*?)\]\)", answer.text)
    kept = re.findall(r'"([^"]+)"', files)
    assert not [path for path in kept if not path.startswith("/static/")]
    shell = (await client.get("/app/?offline")).text
    assert set(linked(shell)) - set(kept) <= {
        "/app/manifest.webmanifest",
        "/static/chatserver/icon-180.png",
        "/static/chatserver/shell.css",
    }
    for path in [*kept, *re.findall(r'SHELL = "([^"]+)"', answer.text)]:
        assert (await client.get(path)).status_code == 200, path


# --- static files ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def script(api: Api) -> str:
    """The app's own script."""
    shell = (await api.client().get("/app/")).text
    return next(path for path in linked(shell) if path.startswith("/static/assets/") and path.endswith(".js"))


async def test_the_built_files_are_served_compressed_and_forever(api: Api, script: str) -> None:
    sizes, bodies = {}, set()
    for encoding in ("br", "gzip", "identity"):
        async with api.client().stream("GET", script, headers={"Accept-Encoding": encoding}) as answer:
            raw = b"".join([block async for block in answer.aiter_raw()])
        assert answer.headers.get("content-encoding", "identity") == encoding
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "max-age=315360000, public, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["access-control-allow-origin"] == "*", "the widget's are imported by other sites"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        sizes[encoding] = len(raw)
        if encoding != "br":  # which the client here cannot read
            bodies.add((await api.client().get(script, headers={"Accept-Encoding": encoding})).content)
    assert sizes["br"] < sizes["gzip"] < sizes["identity"]
    assert len(bodies) == 1


async def test_static_files_answer_conditions_and_ranges(api: Api, script: str) -> None:
    client = api.client()
    first = await client.get(script, headers={"Accept-Encoding": "identity"})
    again = await client.get(script, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = await client.get(script, headers={"Range": "bytes=0-9", "Accept-Encoding": "identity"})
    assert (part.status_code, part.content) == (206, first.content[:10])
    head = await client.head(script, headers={"Accept-Encoding": "identity"})
    assert (head.content, head.headers["content-length"]) == (b"", first.headers["content-length"])
    assert (await client.post(script)).status_code in (403, 405)
    for path in (
        "/static/assets/nothing.js",
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/static/",
        script + "/",
    ):
        assert (await client.get(path)).status_code == 404, path
    plain = await client.get("/static/chatserver/start.css")
    assert "immutable" not in plain.headers["cache-control"]


# --- the loader ------------------------------------------------------------------------------------------------------


async def test_the_loader_is_small_compressed_cached_shortly_and_for_any_page(api: Api) -> None:
    client = api.client(Origin="https://shop.example")
    tags = set()
    for accepted, encoding in (
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ):
        async with client.stream("GET", "/widget.js", headers={"Accept-Encoding": accepted}) as answer:
            raw = b"".join([block async for block in answer.aiter_raw()])
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert "cookie" not in answer.headers["vary"].lower()
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert len(raw) == int(answer.headers["content-length"])
        assert encoding is None or len(raw) <= 6_000
        tags.add(answer.headers["etag"])
        again = await client.get(
            "/widget.js", headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["access-control-allow-origin"] == "*"
    assert len(tags) == 3, "one per encoding"
    assert (await client.get("/widget.js", headers={"If-None-Match": '"old"'})).status_code == 200
    assert (await client.head("/widget.js")).status_code == 200


async def test_the_loader_names_a_widget_that_is_there_and_earlier_loaders_find_it_too(api: Api) -> None:
    client = api.client(Origin="https://shop.example")
    loader = (await client.get("/widget.js", headers={"Accept-Encoding": "identity"})).text
    (core,) = re.findall(r"static/assets/widget-[\w-]+\.js", loader)
    now = await client.get(f"/{core}")
    assert now.status_code == 200
    moved = await client.get("/static/assets/widget-00000000.js")
    assert (moved.status_code, moved.headers["location"]) == (302, f"/{core}")
    assert moved.headers["access-control-allow-origin"] == "*"
    assert moved.headers["cache-control"] == "no-store"
    for part in re.findall(r"""import\(\s*[`"']\./([^`"']+)""", now.text):
        assert (await client.get(f"/static/assets/{part}")).status_code == 200, "relative to the widget itself"


async def test_where_there_is_no_demo_site_the_way_to_it_says_so(api: Api) -> None:
    assert (await api.client().get("/demo")).status_code == 404
    assert TEXTS["en"]["no_demo"] in (await api.client().get("/")).text


# --- under a path ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prefixed(api: Api) -> AsyncIterator[Server]:
    more = {"PUBLIC_URL": "https://chat.example/chat/", "DEMO_URL": "https://demo.example/"}
    async with Server({**api.environ, **more}) as server:
        yield server


@pytest.mark.parametrize("stripped", [True, False])
async def test_everything_works_under_a_path(prefixed: Server, stripped: bool) -> None:
    prefix = "" if stripped else "/chat"
    async with httpx.AsyncClient(base_url=prefixed.http, trust_env=False, headers={"Host": "chat.example"}) as client:
        for path in ("/", "/app/"):
            page = (await client.get(prefix + path)).text
            assert [address for address in linked(page) if not address.startswith("/chat/")] == []
            for address in linked(page):
                assert (await client.get(address.removeprefix("/chat") if stripped else address)).status_code == 200
        assert 'data-base="/chat/"' in page
        moved = await client.get(f"{prefix}/app")
        assert moved.headers["location"] == "/chat/app/"
        assert (await client.get(f"{prefix}/app/manifest.webmanifest")).json()["scope"] == "/chat/app/"
        assert (await client.get(f"{prefix}/api/v1/nothing")).headers["content-type"] == "application/problem+json"
        assert (await client.get(f"{prefix}/demo")).headers["location"] == "https://demo.example/"
    address = f"ws://127.0.0.1:{prefixed.port}{prefix}/ws"
    async with connect(address, subprotocols=["chat.v1.json"], origin="https://chat.example") as socket:  # type: ignore[arg-type,list-item]
        assert socket.subprotocol == "chat.v1.json"


# --- not built -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(frontend, "FRONTEND_DIR", tmp_path)
    frontend._kept.cache_clear()
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        yield
    frontend._kept.cache_clear()


async def test_a_front_end_that_is_not_built_says_what_to_do(unbuilt: None) -> None:
    client = AsyncClient()
    page = await client.get("/app/", headers=CHINESE)
    assert page.status_code == 503
    assert "make frontend" in page.text
    assert TEXTS["zh-CN"]["unbuilt"] in page.text
    loader = await client.get("/widget.js")
    assert (loader.status_code, loader["Access-Control-Allow-Origin"]) == (503, "*")
    assert loader["Cache-Control"] == "no-store"
    assert "make frontend" in loader.text
    assert (await client.get("/app/sw.js")).status_code == 404
    assert (await client.get("/static/assets/widget-00000000.js")).status_code == 404
