"""nginx in front, with the project's configuration: real TLS, real sockets, real serving processes behind it."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chatserver.config import load
from chatserver.providers.scripted import ScriptedServer
from chatserver.serving.nginx import Nginx, render
from tests.chat import Chat
from tests.cluster.conftest import Cluster
from tests.cluster.test_streams import WORDS, joined, model, until_begun
from tests.credentials import access_token
from tests.nginx import DEADLINE, Proxy, certificate, program

NOBODY = 9
"""A port on which nothing listens: what is answered then, nginx answers."""
QUESTION = "What is a room?"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "nginx"


def secure(cluster: Cluster, proxy: Proxy, **options: object) -> Chat:
    return Chat(proxy.ws, access_token(cluster.ann.id), ssl=proxy.context, **options)


def asking(cluster: Cluster, proxy: Proxy) -> httpx.AsyncClient:
    return proxy.client(Authorization=f"Bearer {access_token(cluster.ann.id)}")


async def data(response: httpx.Response) -> AsyncIterator[dict[str, object]]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_an_answer_streams_over_tls_and_the_server_may_be_reloaded_meanwhile(
    cluster: Cluster, place: Path
) -> None:
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=30) as upstream,
        cluster.server(**model(upstream), TRUSTED_PROXIES="1") as server,
        Proxy(place, server.port) as proxy,
        secure(cluster, proxy) as ann,
    ):
        room = await cluster.site.room(cluster.store, cluster.ann)
        await ann.hello(room)
        answer = (await ann.ask(room, QUESTION))["answer"]
        await until_begun(ann, room, answer)
        before = await proxy.reload()
        async with secure(cluster, proxy) as late:  # by the processes that came
            await late.hello(room)
            assert upstream.open == 1
            final = await ann.until_status(room, answer, "complete")
            await late.until_status(room, answer, "complete")
        assert final["text"] == joined(ann, room, answer) == upstream.text
        assert ann.closed is None
        assert sum(frame["type"] == "answer.delta" for frame in ann.frames) > 10
        tls = ann.tls
        assert tls is not None
        assert tls.version() == "TLSv1.3"
        assert before & proxy.workers()  # one is still there, for the socket's sake


async def test_server_sent_events_are_not_held_back_and_nginx_ends_after_them(cluster: Cluster, place: Path) -> None:
    room = await cluster.site.room(cluster.store, cluster.ann)
    async with (
        ScriptedServer(text=WORDS, first_token=0.05, rate=30) as upstream,
        cluster.server(**model(upstream), TRUSTED_PROXIES="1") as server,
        Proxy(place, server.port) as proxy,
        asking(cluster, proxy) as client,
        client.stream(
            "POST", "/api/v1/ask", json={"question": QUESTION, "room": room}, headers={"Accept-Encoding": "gzip"}
        ) as response,
    ):
        assert response.status_code == 200
        assert "content-encoding" not in response.headers
        assert response.headers["strict-transport-security"]
        text = ""
        async for frame in data(response):
            if frame["type"] == "answer.delta":
                if not text:
                    assert upstream.open == 1  # the model is still writing
                    proxy.quit()
                text += str(frame["text"])
        assert text == upstream.text
        assert await proxy.ended() == 0


async def test_a_forged_address_changes_nothing(cluster: Cluster, place: Path) -> None:
    forged = [{"X-Forwarded-For": f"10.0.0.{n}", "Forwarded": f"for=10.0.0.{n}"} for n in range(2)]
    token = access_token(cluster.ann.id)
    async with cluster.server(SOCKETS_PER_ADDRESS="1", TRUSTED_PROXIES="1") as server, Proxy(place, server.port) as p:
        # The server believes who is in front of it …
        async with (
            Chat(server.ws, token, additional_headers=forged[0]) as one,
            Chat(server.ws, token, additional_headers=forged[1]) as two,
        ):
            await one.hello()
            await two.hello()
        # … and nginx says who really came.
        async with secure(cluster, p, additional_headers=forged[0]) as one:
            await one.hello()
            async with secure(cluster, p, additional_headers=forged[1]) as two:
                await two.until(lambda: two.closed is not None)
                assert two.closed == 4029


async def test_what_operators_look_at_is_closed_by_every_spelling(place: Path, tmp_path: Path) -> None:
    paths = ("/admin/", "/admin/login/", "/metrics", "//admin/", "/x/../metrics", "/%61dmin/", "/admin%2f", "/metrics/")
    async with Proxy(place, NOBODY) as closed, closed.client() as client:
        for path in paths:
            for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
                response = await client.get(httpx.URL(closed.origin, raw_path=path.encode()), headers=headers)
                assert (response.status_code, response.json()["code"]) == (403, "forbidden"), path
        assert (await client.get("/app/")).status_code == 503  # on its way to the server
    async with Proxy(tmp_path / "open", NOBODY, allow=("127.0.0.0/8",)) as opened, opened.client() as client:
        assert {(await client.get(path)).status_code for path in ("/admin/", "/metrics")} == {503}


async def test_floods_of_one_address_are_refused(place: Path) -> None:
    limits = {"requests_per_second": 1, "requests_burst": 5, "sockets_per_second": 1, "sockets_burst": 1}
    async with Proxy(place, NOBODY, **limits) as proxy, proxy.client() as client:
        answers = await asyncio.gather(*(client.get("/healthz") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "rate_limited"
        assert refused.headers["retry-after"] == "1"
        transport = httpx.AsyncHTTPTransport(verify=proxy.context, local_address="127.0.0.2", trust_env=False)
        async with httpx.AsyncClient(transport=transport) as elsewhere:
            assert (await elsewhere.get(f"{proxy.origin}/healthz")).status_code == 503

        async def refusal() -> int:
            with pytest.raises(InvalidStatus) as caught:
                await connect(proxy.ws, ssl=proxy.context)
            return caught.value.response.status_code

        assert set(await asyncio.gather(*(refusal() for _ in range(8)))) == {503, 429}


async def test_one_address_holds_so_many_connections_and_no_more(place: Path) -> None:
    head = b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    async with Proxy(place, NOBODY, connections=2) as proxy, asyncio.timeout(DEADLINE), proxy.client() as client:
        held = [await asyncio.open_connection("localhost", proxy.port, ssl=proxy.context) for _ in range(2)]
        assert (await client.get("/healthz")).status_code == 503
        for _, writer in held:
            writer.write(head)
        while (await client.get("/healthz")).status_code != 429:  # until nginx has read both
            await asyncio.sleep(0.01)
        for _, writer in held:
            writer.transport.abort()
        while (await client.get("/healthz")).status_code != 503:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_a_client_that_dawdles_is_cut_off(place: Path, sent: bytes) -> None:
    async with Proxy(place, NOBODY, header_seconds=1) as proxy:
        reader, writer = await asyncio.open_connection("localhost", proxy.port, ssl=proxy.context)
        writer.write(sent)
        async with asyncio.timeout(DEADLINE):
            assert b"200" not in await _until_closed(reader)
        writer.close()


async def test_a_body_and_a_handshake_that_dawdle_are_cut_off(place: Path) -> None:
    head = b"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    async with Proxy(place, NOBODY, header_seconds=1, body_seconds=1) as proxy, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("localhost", proxy.port, ssl=proxy.context)
        writer.write(head)
        assert b"200" not in await _until_closed(reader)
        writer.close()
        reader, writer = await asyncio.open_connection("localhost", proxy.port)
        assert await _until_closed(reader) == b""
        writer.close()


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except (ConnectionResetError, ssl.SSLError):
        return b""


async def test_plain_http_and_other_names_lead_nowhere_else(place: Path) -> None:
    async with Proxy(place, NOBODY) as proxy, httpx.AsyncClient(trust_env=False) as client:
        moved = await client.get(f"http://127.0.0.1:{proxy.http_port}/app/?q=1", headers={"Host": "evil.example"})
        assert (moved.status_code, moved.headers["location"]) == (308, f"{proxy.origin}/app/?q=1")
        with pytest.raises(ssl.SSLError, match="unrecognized"):
            await asyncio.open_connection("127.0.0.1", proxy.port, ssl=proxy.context, server_hostname="evil.example")
        old = ssl.create_default_context(cafile=proxy.folder / "certificate.pem")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("localhost", proxy.port, ssl=old)


async def test_static_files_come_without_the_server(place: Path, tmp_path: Path) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "assets/app-1.js").write_text("plain" * 400)
    (static / "assets/app-1.js.gz").write_bytes(b"compressed")
    (static / "page.css").write_text("a{}" * 400)
    async with Proxy(place, NOBODY, static=str(static)) as proxy, proxy.client() as client:
        script = await client.get("/static/assets/app-1.js", headers={"Accept-Encoding": "identity"})
        assert script.text == "plain" * 400
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"] == "application/javascript; charset=utf-8"
        assert script.headers["access-control-allow-origin"] == "*"
        assert script.headers["strict-transport-security"]
        async with client.stream("GET", "/static/assets/app-1.js") as packed:
            assert packed.headers["content-encoding"] == "gzip"
            assert b"".join([part async for part in packed.aiter_raw()]) == b"compressed"
        style = await client.get("/static/page.css")
        assert (style.headers["content-encoding"], style.headers["cache-control"]) == ("gzip", "public, max-age=60")
        # What is not there is asked of the server, which does not answer here.
        for path in ("/static/assets/app-0.js", "/static/"):
            missing = await client.get(path)
            assert (missing.status_code, missing.json()["code"]) == (503, "unavailable"), path


async def test_a_body_has_the_size_that_the_server_takes(place: Path) -> None:
    async with Proxy(place, NOBODY, settings={"UPLOAD_BYTES": "2048"}) as proxy, proxy.client() as client:
        fits = await client.post("/api/v1/documents", content=bytes(2048 + 1024 * 1024))
        assert fits.status_code == 503
        refused = await client.post("/api/v1/documents", content=bytes(2049 + 1024 * 1024))
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_a_machine_that_is_gone_is_passed_over(cluster: Cluster, place: Path) -> None:
    async with (
        cluster.server(TRUSTED_PROXIES="1") as server,
        Proxy(place, NOBODY, server.port) as proxy,
        proxy.client() as client,
    ):
        # Nothing was sent of what found no server, so a POST too may go to another one.
        question = {"question": QUESTION}
        assert {(await client.post("/api/v1/ask", json=question)).status_code for _ in range(4)} == {401}
        assert {(await client.get("/healthz")).status_code for _ in range(10)} == {200}
        ways = {line["upstream"] for line in map(json.loads, proxy.log.splitlines())}
        assert ways == {f"127.0.0.1:{NOBODY}, 127.0.0.1:{server.port}", f"127.0.0.1:{server.port}"}


async def test_every_request_has_an_id_and_the_log_no_query(place: Path) -> None:
    async with Proxy(place, NOBODY) as proxy, proxy.client() as client:
        await client.get("/api/v1/search?q=secret")
        (line,) = map(json.loads, proxy.log.splitlines())
        assert line["path"] == "/api/v1/search"
        assert len(line["request_id"]) == 32
        assert "secret" not in proxy.log


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        ({"PUBLIC_URL": "https://chat.example", "ALLOWED_HOSTS": "chat.example,.corp.example"}, {"tls12": True}),
        ({"PUBLIC_URL": "https://a.example/chat", "HOST": "::"}, {"acme": "/var/www", "behind": ("10.0.0.0/8",)}),
        ({"PUBLIC_URL": "https://[::1]", "ALLOWED_HOSTS": "*"}, {"static": "/srv/static/", "allow": ("fd00::/8",)}),
    ],
)
def test_nginx_takes_it_in_a_block_of_somebody_else(
    tmp_path: Path, environ: dict[str, str], options: dict[str, object]
) -> None:
    public, key = certificate(tmp_path)
    options |= {"listen": (f"unix:{tmp_path}/tls",), "listen_http": (f"unix:{tmp_path}/plain",)}
    nginx = Nginx(certificate=str(public), key=str(key), **options)
    (tmp_path / "site.conf").write_text(render(load(environ), nginx, site=True))
    (tmp_path / "nginx.conf").write_text(
        "pid nginx.pid; events {} http { access_log off; ssl_protocols TLSv1.2; include site.conf; }"
    )
    command = (program(), "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr")
    run = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert run.stderr == ""
    assert run.returncode == 0
