"""The demo site: another origin than the server's, with pages that a careful site would have."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chatserver.serving.demo_site.__main__ import CONNECTIONS, Site
from tests.serving import Serve, environment, manage

CHAT = "http://127.0.0.1:8000"
PAGES = [f"/{language}/{page}" for language in ("en", "zh") for page in ("", "coffee", "visit", "help")]


@pytest.fixture
def site() -> Iterator[httpx.Client]:
    server = Site("127.0.0.1", 0, CHAT)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
        yield client
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_page_is_there_in_both_languages_and_links_to_nothing_that_is_not(site: httpx.Client) -> None:
    found, waiting = set[str](), ["/"]
    while waiting:
        if (path := waiting.pop()) in found:
            continue
        found.add(path)
        answer = site.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        assert "{{" not in answer.text
        if answer.headers["content-type"].startswith("text/html"):
            waiting += re.findall(r'(?:href|src)="(/[^"]*)"', answer.text)
            assert f'<script async src="{CHAT}/widget.js" data-site="demo"></script>' in answer.text
    assert found >= {*PAGES, "/site.css", "/harbour.svg"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,zh;q=0.5", "en"), ("fr,zh;q=0.5", "zh"), ("fr", "en"), ("", "en")],
)
def test_a_visitor_comes_in_by_their_language(site: httpx.Client, accepted: str, language: str) -> None:
    answer = site.get("/", headers={"Accept-Language": accepted})
    assert (answer.status_code, answer.headers["location"]) == (302, f"/{language}/")


def test_the_chat_server_is_named_as_this_machine_was_called(site: httpx.Client) -> None:
    for host, chat in (
        ("localhost:9", "http://localhost:8000"),
        ("127.0.0.1:9", CHAT),
        ("evil.example", CHAT),
        ('"><script>', CHAT),
    ):
        answer = site.get("/en/", headers={"Host": host})
        assert f'src="{chat}/widget.js"' in answer.text
        policy = answer.headers["content-security-policy"]
        assert f"script-src {chat};" in policy
        assert f"connect-src {chat} {chat.replace('http', 'ws')};" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy


def test_only_its_own_pages_are_served(site: httpx.Client) -> None:
    for path in ("/../pages.py", "/%2e%2e/pages.py", "/content/en/help.md", "/en", "/en/nothing", "//evil.example/"):
        answer = site.get(path)
        assert answer.status_code in (302, 404), path
        assert answer.headers.get("location", "/en/") == "/en/"
    assert site.head("/en/").content == b""
    assert site.post("/en/").status_code == 501


def test_visitors_that_say_nothing_leave_room_for_others(site: httpx.Client) -> None:
    address = (site.base_url.host, site.base_url.port)
    idle = [socket.create_connection(address) for _ in range(CONNECTIONS)]
    late = socket.create_connection(address)
    late.sendall(b"GET /en/ HTTP/1.0\r\n\r\n")
    for one in idle:
        one.close()
    assert late.recv(12) == b"HTTP/1.0 200"
    late.close()


# --- as `manage.py serve` runs it ------------------------------------------------------------------------------------


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(DATABASE_URL=database_url, REDIS_URL=redis_url, DATA_DIR=str(tmp_path / "data"))


async def test_the_widget_is_for_the_demo_sites_origin_and_no_other(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # The port after the server's is taken, so the demo site moves on.
    with socket.create_server(("127.0.0.1", port + 1)):
        async with Serve(environ, "--port", str(port), "--processes", "1") as serve:
            demo = (await serve.line(r"Widget: (http://127\.0\.0\.1:\d+)/"))[1]
            assert int(demo.rpartition(":")[2]) > port + 1
            assert f"Rooms: {serve.address}/app/" in "".join(serve.out)
            async with httpx.AsyncClient(trust_env=False) as client:
                async with asyncio.timeout(20):
                    while True:
                        try:
                            page = (await client.get(f"{demo}/zh/help")).text
                            break
                        except httpx.TransportError:
                            await asyncio.sleep(0.1)
                (loader,) = re.findall(r'<script async src="([^"]+)" data-site="demo">', page)
                assert loader == f"{serve.address}/widget.js"
                assert (await client.get(loader)).status_code == 200
                moved = await client.get(f"{serve.address}/demo")
                assert (moved.status_code, moved.headers["location"]) == (302, f"{demo}/")
                named = await client.get(f"{serve.address.replace('127.0.0.1', 'localhost')}/demo")
                assert named.headers["location"] == f"{demo.replace('127.0.0.1', 'localhost')}/"
                for origin, status in (
                    (demo, 200),
                    (demo.replace("127.0.0.1", "localhost"), 200),
                    (demo.replace("http", "https"), 403),
                    (f"http://127.0.0.1:{port + 1}", 403),
                    ("https://shop.example", 403),
                    ("null", 403),
                ):
                    session = await client.post(
                        f"{serve.address}/api/v1/widget/session",
                        json={"site": "demo", "locale": "zh-CN"},
                        headers={"Origin": origin},
                    )
                    assert session.status_code == status, origin
                    if status == 200:
                        assert len(session.json()["site"]["suggestions"]) == 4
                        assert "营业" in session.json()["site"]["greeting"]


def test_a_demo_port_in_use_is_said_in_one_line(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = manage("serve", "--port", "0", environ=environ | {"DEMO_PORT": str(port)})
    (line,) = run.stderr.splitlines()
    assert line.startswith(f"Cannot listen on 127.0.0.1:{port} ")
    assert "DEMO_PORT" in line
    assert (run.returncode, run.stdout) == (1, "")


async def test_without_a_demo_there_is_no_demo_site(environ: dict[str, str]) -> None:
    async with Serve(environ, "--port", "0", "--processes", "1", "--no-demo") as serve:
        assert "Widget:" not in "".join(serve.out)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{serve.address}/demo")).status_code == 404
        assert not serve.children(lambda command: "demo_site" in command)
