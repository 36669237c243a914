"""Traces: nothing at all while they are off; bounded and counted while they are on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chatserver import config as config_module
from chatserver import tracing
from chatserver.answers.worker import origin
from chatserver.config import load
from chatserver.errors import ConfigError
from chatserver.rooms.types import Job
from tests.otlp import receiver
from tests.server import ROOT

QUESTION = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
RETRY = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def stopped() -> Iterator[None]:
    yield
    tracing.stop()


def dropped() -> dict[str, float]:
    from chatserver.tracing_otlp import DROPPED

    return dict(DROPPED.values)


def free_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return f"http://127.0.0.1:{found.getsockname()[1]}"


def test_without_a_receiver_there_are_no_spans_and_no_library() -> None:
    code = (
        "import sys; from chatserver import tracing; from chatserver.config import load;"
        "import chatserver.rag.pipeline, chatserver.answers.worker;"
        "tracing.start(load({}), process='p');"
        "assert tracing.span('x', room='r') is tracing.beside('x') is tracing.NOTHING;"
        "assert (tracing.parent(), tracing.trace_id()) == ('', '');"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_without_the_extra_the_setting_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    load({"OTLP_URL": "http://collector:4318"})
    monkeypatch.setattr(config_module, "find_spec", missing)
    load({})
    with pytest.raises(ConfigError, match="OTLP_URL needs the extra `otel`"):
        load({"OTLP_URL": "http://collector:4318"})


def test_spans_are_parts_of_each_other_and_say_no_more_of_an_error_than_its_kind(stopped: None) -> None:
    with receiver() as found:
        tracing.start(load({"OTLP_URL": f"{found.url}/v1/traces", "OTLP_HEADERS": "a=b, c=d=e"}), process="one")
        with suppress(ValueError), tracing.span("outer") as outer:
            with tracing.beside("beside", tokens=3):
                assert tracing.trace_id() in tracing.parent()
                tracing.span("inner", parent=outer).end()
            raise ValueError("what Ann wrote")
        tracing.span("elsewhere", parent=QUESTION, links=[RETRY]).end()
        assert tracing.parent() == ""
        tracing.stop()
    spans = {span.name: span for span in found.spans}
    assert spans["inner"].parent == spans["beside"].parent == spans["outer"].id
    assert (spans["elsewhere"].trace, spans["elsewhere"].parent) == tuple(QUESTION.split("-")[1:3])
    assert spans["elsewhere"].links == (tuple(RETRY.split("-")[1:3]),)
    assert (spans["outer"].failed, spans["inner"].failed) == (True, False)
    assert spans["outer"].attributes == {"error.type": "ValueError"}
    assert spans["beside"].attributes == {"chat.tokens": 3}
    assert b"Ann" not in b"".join(found.bodies)
    assert (found.headers[0]["a"], found.headers[0]["c"]) == ("b", "d=e")


def test_a_share_of_questions_is_traced_and_the_others_say_so_to_whoever_goes_on(stopped: None) -> None:
    with receiver() as found:
        tracing.start(load({"OTLP_URL": found.url, "OTLP_SHARE": "0"}), process="one")
        with tracing.span("not sampled"):
            handed_on = tracing.parent()
        tracing.span("part of it", parent=handed_on).end()
        tracing.span("part of another", parent=QUESTION).end()
        tracing.stop()
    assert not int(handed_on[-2:], 16) & 1  # W3C: the flag "sampled"
    assert [span.name for span in found.spans] == ["part of another"]


def test_what_cannot_be_delivered_is_counted(stopped: None) -> None:
    before = dropped()
    tracing.start(load({"OTLP_URL": free_url()}), process="one")
    for _ in range(10):
        tracing.span("lost").end()
    tracing.stop()
    assert dropped().get("receiver", 0) - before.get("receiver", 0) == 10


def test_the_queue_is_bounded(stopped: None) -> None:
    from chatserver.tracing_otlp import BATCH, QUEUE

    before = dropped()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the thread that delivers hangs on its first batch
        tracing.start(load({"OTLP_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}), process="one")
        for _ in range(QUEUE + 3 * BATCH):
            tracing.span("many").end()
        tracing.stop()
    after = dropped()
    assert after["queue"] > before.get("queue", 0)
    assert sum(after.values()) - sum(before.values()) == QUEUE + 3 * BATCH


@pytest.mark.parametrize(
    ("trace", "attempt", "parent", "links"),
    [
        ("", 1, "", []),
        ("", 2, "", []),
        (QUESTION, 1, QUESTION, []),
        (QUESTION, 2, QUESTION, [QUESTION]),
        (f"{RETRY} {QUESTION}", 2, RETRY, [QUESTION]),
    ],
)
def test_attempts_go_on_from_who_asked_for_them_and_point_to_the_question(
    trace: str, attempt: int, parent: str, links: list[str]
) -> None:
    assert origin(Job(message="m", room="r", attempt=attempt, trace=trace)) == (parent, links)
