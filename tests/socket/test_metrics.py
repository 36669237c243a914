"""`/metrics` of a real server of several processes, and all that is made of it: docs, dashboard, alerts, `top`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml

from chatserver.management.top.scrape import Samples, parse
from chatserver.protocol.frames import User
from chatserver.providers.scripted import ScriptedServer
from chatserver.rooms.store import Store
from chatserver.serving.embedded import Engines
from tests.api import background_worker, problem
from tests.chat import Chat
from tests.conftest import fresh_database
from tests.credentials import access_token
from tests.records import Site
from tests.server import ROOT, Server
from tests.serving import environment, manage

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEADLINE = 90.0
TOKEN = "metrics-token-of-these-tests"
DOCKER = ROOT / "docker"
NAME = re.compile(r"\bchatserver_\w+")
COUNTED = (
    "chatserver_answer_first_token_seconds_count",
    "chatserver_answer_seconds_count",
    "chatserver_answer_writing_seconds_count",
    "chatserver_bus_published_total",
    "chatserver_commands_total",
    "chatserver_connects_total",
    "chatserver_database_seconds_count",
    "chatserver_deltas_delivered_total",
    "chatserver_deltas_total",
    "chatserver_frames_received_total",
    "chatserver_frames_sent_total",
    "chatserver_joins_total",
    "chatserver_loop_lag_seconds_count",
    "chatserver_messages_total",
    "chatserver_received_bytes_total",
    "chatserver_redis_seconds_count",
    "chatserver_retrieval_seconds_count",
    "chatserver_room_reads_total",
    "chatserver_sent_bytes_total",
    "chatserver_sockets_left_total",
    "chatserver_tokens_total",
)


@dataclass
class Watched:
    """A server of two web processes and a Celery worker, its pages of metrics, and somebody with a room."""

    server: Server
    environ: dict[str, str]
    store: Store
    site: Site
    ann: User
    room: str
    client: httpx.AsyncClient

    async def text(self) -> str:
        answer = await self.client.get("/metrics")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def samples(self) -> Samples:
        return parse(await self.text())

    async def total(self, metric: str, **labels: str) -> float:
        return total(await self.samples(), metric, **labels)

    async def until(self, metric: str, least: float, **labels: str) -> None:
        """Wait until the sum of these series is at least that."""
        async with asyncio.timeout(DEADLINE):
            while await self.total(metric, **labels) < least:
                await asyncio.sleep(0.1)

    async def ask(self) -> None:
        async with Chat(self.server.ws, access_token(self.ann.id)) as chat:
            await chat.hello(self.room)
            answer = (await chat.ask(self.room, "What is a room?"))["answer"]
            await chat.until_status(self.room, answer, "complete")


def total(samples: Samples, metric: str, **labels: str) -> float:
    return sum(value for said, value in samples.get(metric, ()) if labels.items() <= said.items())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(
    engines: Engines, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    folder = tmp_path_factory.mktemp("metrics")
    async with AsyncExitStack() as stack:
        database_url = stack.enter_context(fresh_database(engines, template_database))
        model = await stack.enter_async_context(ScriptedServer(text="A room is a place where people talk. [1]"))
        environ = {
            "DATABASE_URL": database_url,
            "REDIS_URL": f"{engines.redis_url}?db=14",
            "DATA_DIR": str(folder / "data"),
            "INDEX_URL": str(folder / "index"),
            "LLM_BASE_URL": model.base_url,
            "LLM_MODEL": "scripted",
            "METRICS_TOKEN": TOKEN,
            "TRUSTED_PROXIES": "1",
        }
        store = await Store.open(database_url)
        stack.push_async_callback(store.close)
        site = await Site(store.pool).create()
        ann = await site.user("Ann")
        await store.pool.execute(
            "INSERT INTO sites_sitemember(site_id, user_id, role) VALUES ($1::uuid, $2::uuid, 'admin')", site.id, ann.id
        )
        server = await stack.enter_async_context(Server(environ, workers=2))
        await stack.enter_async_context(background_worker(environ))
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=DEADLINE)
        )
        made = Watched(server, environ, store, site, ann, await site.room(store, ann), client)
        given = await client.post(
            "/api/v1/documents",
            json={"title": "Rooms", "text": "A room is a place where people and the assistant talk."},
            headers={"Authorization": f"Bearer {access_token(ann.id)}"},
        )
        assert given.status_code == 202, given.text
        for process in ("web-0", "web-1", "documents-0"):
            await made.until("chatserver_process_pid", 1, process=process)
        await made.until("chatserver_ingest_documents_total", 1, outcome="ready", process="documents-0")
        yield made


async def test_the_page_shows_what_every_process_does(watched: Watched) -> None:
    before = await watched.samples()
    assert {labels["process"] for labels, _ in before["chatserver_process_resident_bytes"]} == {
        "web-0",
        "web-1",
        "documents-0",
    }
    assert total(before, "chatserver_ingest_chunks_total", process="documents-0") == 1
    assert total(before, "chatserver_ingest_seconds_count", process="documents-0", step="parse") == 1
    assert total(before, "chatserver_database_up") == total(before, "chatserver_redis_up") == 1
    await watched.ask()

    async def stood_still() -> list[str]:
        now = await watched.samples()
        return [name for name in COUNTED if total(now, name) <= total(before, name)]

    async with asyncio.timeout(DEADLINE):  # a process shows what it counted within two seconds
        while unmoved := await stood_still():
            print("not counted yet:", *unmoved)
            await asyncio.sleep(0.1)
    await watched.until("chatserver_answers_total", 1, status="complete")
    await watched.until("chatserver_retrieval_seconds_count", 1, stage="all")
    await watched.until("chatserver_retrieval_seconds_count", 1, stage="lexical")
    async with asyncio.timeout(DEADLINE):
        while await watched.total("chatserver_sockets"):
            await asyncio.sleep(0.1)


async def test_a_killed_process_and_its_successor_lose_no_counts(watched: Watched) -> None:
    await watched.ask()
    before = await watched.samples()
    (pid,) = [int(value) for labels, value in before["chatserver_process_pid"] if labels["process"] == "web-0"]
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                now = await watched.samples()
            except httpx.TransportError:  # it went where the killed process was
                continue
            pids = [int(value) for labels, value in now["chatserver_process_pid"] if labels["process"] == "web-0"]
            if pids and pids != [pid]:
                break
            await asyncio.sleep(0.1)
    # What a page has shown is on the disk, whenever its process dies.
    fallen = {name for name in COUNTED for labels, value in before[name] if total(now, name, **labels) < value}
    assert not fallen
    assert {labels["process"] for labels, _ in now["chatserver_process_pid"]} == {"web-0", "web-1", "documents-0"}


async def test_from_elsewhere_it_takes_the_token(watched: Watched) -> None:
    async def read(authorization: str) -> httpx.Response:
        headers = [(b"X-Forwarded-For", b"203.0.113.7"), (b"Authorization", authorization.encode())]
        return await watched.client.get("/metrics", headers=headers)

    assert (await read(f"Bearer {TOKEN}")).status_code == 200
    for wrong in (
        "",
        "Bearer",
        "Bearer None",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer é",
    ):
        problem(await read(wrong), 401, "unauthenticated")
    asked = await watched.client.get("/api/v1/rooms", headers={"Authorization": f"Bearer {TOKEN}"})
    problem(asked, 401, "unauthenticated")


async def test_the_documentation_lists_exactly_these_metrics(watched: Watched) -> None:
    text = await watched.text()
    real = {name: (kind, "") for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)}
    assert len(real) > 60
    for name, found in parse(text).items():
        labels = {label for said, _ in found for label in said} - {"host", "process", "le"}
        family = re.sub(r"_(bucket|sum|count)$", "", name) if name not in real else name
        real[family] = (real[family][0], ", ".join(f"`{label}`" for label in sorted(labels)))
    rows = re.findall(
        r"^\| `(chatserver_\w+)` \| (\w+) \| ?(.*?) ?\| \S.* \|$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    assert sorted(name for name, _, _ in rows) == sorted(real)
    assert {name: (kind, labels) for name, kind, labels in rows} == real


async def test_every_metric_is_there_before_it_happens(watched: Watched) -> None:
    text = await watched.text()
    names = set(parse(text))
    families = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    assert not [name for name, kind in families if (f"{name}_count" if kind == "histogram" else name) not in names]


async def test_the_dashboard_shows_what_there_is(watched: Watched) -> None:
    known = set(await watched.samples())
    dashboard = json.loads((DOCKER / "grafana" / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(panels) > 40
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in panels:
        for target in panel["targets"]:
            names = set(NAME.findall(target["expr"]))
            assert names, panel["title"]
            assert names <= known, (panel["title"], names - known)
            assert target["expr"].count("(") == target["expr"].count(")"), panel["title"]
    shown = set(NAME.findall(json.dumps(dashboard)))
    families = re.findall(r"^# TYPE (\w+)", await watched.text(), re.MULTILINE)
    unseen = {family for family in families if not any(name.startswith(family) for name in shown)}
    assert unseen == {"chatserver_process_pid"}
    assert yaml.safe_load((DOCKER / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/chatserver.yml").read_text())["providers"]


async def test_every_alert_watches_what_there_is_and_is_explained(watched: Watched) -> None:
    samples = await watched.samples()
    (group,) = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(names) == len(set(names)) > 15
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith((".", "?"))
        used = NAME.findall(rule["expr"])
        assert used, rule["alert"]
        assert set(used) <= set(samples), rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")"), rule["alert"]
        # A value of a label that is never there would make an alert that never rings.
        for name, label, operator, value in re.findall(r'(chatserver_\w+)\{(\w+)(=~?)"([^"]+)"', rule["expr"]):
            known = {said.get(label) for said, _ in samples[name]}
            assert set(value.split("|") if operator == "=~" else [value]) <= known, rule["alert"]
    explained = re.findall(r"`(Chatserver\w+)`", (ROOT / "docs/metrics.md").read_text())
    assert set(explained) == set(names)


async def test_prometheus_is_told_where_the_alerts_are(watched: Watched) -> None:
    settings = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    assert all((DOCKER / "prometheus" / name).is_file() for name in settings["rule_files"])
    (scraped,) = settings["scrape_configs"]
    assert scraped["job_name"] == "chatserver"
    assert "credentials" not in scraped["authorization"]


async def test_top_prints_a_table_and_figures(watched: Watched) -> None:
    environ = environment(**watched.environ)
    async with Chat(watched.server.ws, access_token(watched.ann.id)) as chat:
        await chat.hello(watched.room)
        await watched.until("chatserver_sockets", 1)
        options = ("--url", watched.server.http, "--interval", "0.5")
        table, figures = await asyncio.gather(
            asyncio.to_thread(manage, "top", "--once", *options, environ=environ),
            asyncio.to_thread(manage, "top", "--json", *options, environ=environ),
        )
    assert (table.returncode, table.stderr) == (0, "")
    assert "● PostgreSQL" in table.stdout
    for said in ("web-0", "web-1", "documents-0", "Sockets", "memory"):
        assert said in table.stdout
    read = json.loads(figures.stdout)
    assert (figures.returncode, read["database"], read["redis"]) == (0, True, True)
    assert read["totals"]["sockets"] == 1
    assert [each["name"] for each in read["processes"]] == ["web-0", "web-1", "documents-0"]
    assert sum(each["sockets"] for each in read["processes"]) == 1
    assert all(each["memory"] > 10_000_000 for each in read["processes"])


async def test_top_says_in_one_line_why_there_is_nothing_to_see(watched: Watched, tmp_path: Path) -> None:
    async def run(*options: str, data: Path = tmp_path) -> str:
        environ = environment(DATA_DIR=str(data), SECRET_KEY="tests")
        ended = await asyncio.to_thread(manage, "top", "--once", *options, environ=environ)
        assert (ended.returncode, ended.stdout) == (1, "")
        (line,) = ended.stderr.splitlines()
        return line

    assert await run() == (
        f"No server runs with DATA_DIR={tmp_path}: start one (make run), or name one with --url http://…"
    )
    assert await run("--url", "http://127.0.0.1:9") == "Nothing answers at http://127.0.0.1:9."
    assert (await run("--url", f"{watched.server.http}/nowhere")).endswith("/nowhere/metrics answered 404.")
