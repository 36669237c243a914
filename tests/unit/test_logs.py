"""Log lines: one form for all that is logged, ids that follow the work, and nothing secret."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatserver import logs
from chatserver.config import load

log = logging.getLogger("chatserver.tests.logs")

type Lines = Callable[[], list[str]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Lines]]:
    """`written("json")` makes this module's logger write in that form; what it returns gives the lines so far."""
    handlers: list[logging.Handler] = []

    def begin(form: str, **environ: str) -> Lines:
        settings = load({"LOG_FORMAT": form, "SECRET_KEY": "key-of-the-tests", **environ})
        monkeypatch.setattr(logs, "config", lambda: settings)
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter())
        handlers.append(handler)
        log.addHandler(handler)
        return lambda: stream.getvalue().splitlines()

    log.propagate = False
    log.setLevel(logging.DEBUG)
    yield begin
    for handler in handlers:
        log.removeHandler(handler)
    logs.clear()


def test_a_line_of_json_has_its_fields_and_what_is_bound(written: Callable[[str], Lines]) -> None:
    lines = written("json")
    with logs.bound(room="r1"):
        log.warning("%s of 你好\nand %d", "a line", 2, extra={"status": 200, "request": object()})
    (line,) = lines()
    said = json.loads(line)
    assert list(said)[:4] == ["timestamp", "level", "logger", "event"]
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "level": "warning",
        "logger": "chatserver.tests.logs",
        "event": "a line of 你好\nand 2",
        "room": "r1",
        "status": 200,
    }


def test_an_exception_is_a_field_of_its_line(written: Callable[[str], Lines]) -> None:
    lines = written("json")
    try:
        raise ValueError("lone \ud800")
    except ValueError:
        log.exception("it failed")
    (line,) = lines()
    said = json.loads(line)
    assert said["exception"].startswith("Traceback")
    assert "ValueError" in said["exception"]
    assert "exc_info" not in said


def test_text_is_for_people_and_nobody_can_write_a_line_of_their_own(written: Callable[[str], Lines]) -> None:
    lines = written("text")
    with logs.bound(conn="c-1", room="x\ny"):
        log.info("hello\n2026 ERROR forged \x1b[31m\u2028你好")
    (line,) = lines()
    assert line.partition(" ")[2] == (
        r"INFO chatserver.tests.logs: hello\n2026 ERROR forged \x1b[31m\u2028你好 [conn=c-1 room=x\ny]"
    )


async def test_ids_follow_the_work_into_tasks_and_threads_and_no_further(written: Callable[[str], Lines]) -> None:
    lines = written("json")

    async def work(name: str) -> None:
        logs.bind(answer=name)
        await asyncio.sleep(0)
        await asyncio.to_thread(log.info, name)

    await asyncio.gather(work("a"), work("b"))
    log.info("outside")
    found = {said["event"]: said.get("answer") for said in map(json.loads, lines())}
    assert found == {"a": "a", "b": "b", "outside": None}


SECRET = "5TGdUCLiSTSjOnhvQhkJZQVRxkcSeJtmYhQ-7TEwHGw"  # as `new_token` makes them
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgresql://chat:hunter2@db/x",
        "redis://:hunter2@[::1]:6379/0 is away",
        "amqp://u:p@hunter2@host/x",
        "Authorization: Bearer hunter2hunter2",
        "{'authorization': 'Basic hunter2hunter2'}",
        "(b'authorization', b'Bearer hunter2hunter2'), (b'host', b'x')",
        "cookie: a=1; sessionid=hunter2; b=2",
        "Set-Cookie: sessionid=hunter2; Path=/",
        "sent bearer hunter2hunter2 to it",
        "GET /x?a=1&access_token=hunter2&b=2",
        "password=hunter2",
        '{"refresh_token": "hunter2", "x": 1}',
        "api-key: hunter2",
        "LLM_API_KEY=hunter2",
        "client_secret='hunter2'",
        f"the token is {JWT}",
        f"t_{SECRET}",
        f"of {SECRET}, which",
        "incorrect key sk-proj-hunter2hunter2 provided",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    hidden = logs.redactor([])(None, "info", {"event": text, "exception": f"Traceback: {text}", "path": text})
    for value in hidden.values():
        assert "***" in value
        assert not any(secret in value for secret in ("hunter2", "ter2", SECRET, JWT[:30], "dozjg"))


@pytest.mark.parametrize(
    "text",
    [
        "answer 01a22253-645a-79f6-b73a-30b53b1b06ab: worker host.12.abc fell silent; attempt 2 begins",
        "max_tokens: 1024",
        "postgresql://postgres@/chat?host=/tmp/run/postgres",
        "GET https://shop.example/a:b/@x failed",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "the token is wrong",
        "File /usr/lib/python3/a_module_with_a_rather_long_name_indeed.py",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert logs.redactor([])(None, "info", {"event": text, "ms": 1.5, "code": None}) == {
        "event": text,
        "ms": 1.5,
        "code": None,
    }


def test_the_secrets_of_the_settings_are_hidden_wherever_they_turn_up(written: Callable[..., Lines]) -> None:
    lines = written(
        "text",
        LLM_API_KEY="swordfish-1",
        DATABASE_URL="postgresql://chat:p%40ssword-2@db/x",
        OTLP_HEADERS="x-team=swordfish-3",
        INDEX_ACCESS_KEY="swordfish-4",
        INDEX_SECRET_KEY="swordfish-5",
        DEMO_PASSWORD="swordfish-6",
    )
    log.error("swordfish-1 p@ssword-2 p%40ssword-2 swordfish-3 swordfish-5 swordfish-6 key-of-the-tests")
    assert lines()[0].endswith(": *** *** *** *** *** *** ***")


def test_fields_with_a_secret_s_name_are_hidden_and_long_texts_cut() -> None:
    said = logs.redactor([])(None, "info", {"event": "x " * 20_000, "refresh_token": 5, "args": ("password=hunter2",)})
    assert said["refresh_token"] == "***"
    assert "hunter2" not in said["args"]
    assert len(said["event"]) < logs.CHARS + 50


def test_no_text_takes_long_to_look_through() -> None:
    for text in ("a-" * 8000, "://" * 5000, "eyJ" * 5000, "password" * 2000, "a." * 8000, "token=" * 2500):
        logs.redactor(["swordfish"])(None, "info", {"event": text})


@pytest.mark.parametrize(
    ("environ", "terminal", "form"),
    [
        ({}, False, "text"),
        ({"PUBLIC_URL": "http://localhost:8000"}, False, "text"),
        ({"PUBLIC_URL": "https://chat.example"}, False, "json"),
        ({"PUBLIC_URL": "https://chat.example"}, True, "text"),
        ({"PUBLIC_URL": "https://chat.example", "LOG_FORMAT": "text"}, False, "text"),
        ({"LOG_FORMAT": "json"}, True, "json"),
    ],
)
def test_json_is_for_production(
    environ: dict[str, str], terminal: bool, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert logs.format_of(load(environ)) == form


@pytest.mark.parametrize(
    ("environ", "level"),
    [
        ({"LOG_FORMAT": "json"}, "INFO"),
        ({"LOG_FORMAT": "json", "LOG_LEVEL": "ERROR"}, "ERROR"),
        ({"LOG_FORMAT": "text"}, "WARNING"),
        ({"LOG_FORMAT": "text", "LOG_LEVEL": "DEBUG"}, "DEBUG"),
    ],
)
def test_requests_are_logged_for_machines_or_when_one_looks_for_something(environ: dict[str, str], level: str) -> None:
    found: dict[str, Any] = logs.logging_config(load(environ))
    assert found["loggers"]["chatserver.access"]["level"] == level
