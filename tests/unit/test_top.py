"""`manage.py top` without a server: reading a page, making figures of two, drawing them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from chatserver.config import Config
from chatserver.management.top.figures import View, view
from chatserver.management.top.scrape import NoMetrics, Page, Server, parse
from chatserver.management.top.screen import History, draw
from chatserver.metrics import Counter, Histogram, Registry, render


def page(at: float, *lines: str) -> Page:
    return Page(at, parse("\n".join(lines)))


def web(name: str, **values: float) -> list[str]:
    labels = f'{{host="a",process="{name}"}}'
    known = {"process_cpu_seconds_total": 1.0, "process_pid": 4711, "sockets_max": 100} | values
    return [f"chatserver_{metric}{labels} {value}" for metric, value in known.items()]


def drawn(found: View, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    history = History()
    history.add(found.totals)
    history.add(found.totals)
    console.print(draw(found, "http://a.example", history, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_the_server_writes_is_read_back() -> None:
    registry = Registry()
    Counter("asked_total", "Questions.", label="by", registry=registry).add(3, 'a"b\\c\nd,e="f"}')
    Histogram("took_seconds", "Time.", (0.5,), registry=registry).observe(0.25)
    found = parse(render([({"process": "web-0"}, registry.families())]) + "nonsense\nx 1 2 3\ny z\n")
    assert found == {
        "asked_total": [({"process": "web-0", "by": 'a"b\\c\nd,e="f"}'}, 3.0)],
        "took_seconds_bucket": [
            ({"process": "web-0", "le": "0.5"}, 1.0),
            ({"process": "web-0", "le": "+Inf"}, 1.0),
        ],
        "took_seconds_sum": [({"process": "web-0"}, 0.25)],
        "took_seconds_count": [({"process": "web-0"}, 1.0)],
    }


def test_rates_are_of_the_time_between_two_readings() -> None:
    before = page(10.0, *web("web-0", frames_sent_total=100, sockets=1), *web("web-1", frames_sent_total=50))
    now = page(
        12.0,
        *web("web-0", frames_sent_total=160, sockets=3, process_cpu_seconds_total=2.5),
        *web("web-1", frames_sent_total=10, sockets=4),  # it began anew
        *web("web-2", frames_sent_total=9000, sockets=5),  # it was not there before
    )
    found = view(before, now)
    assert found.totals.sockets == 12
    assert found.totals.frames_per_second == 30
    assert [(each.name, each.frames_per_second, each.cpu) for each in found.processes] == [
        ("web-0", 30, 0.75),
        ("web-1", 0, 0),
        ("web-2", 0, 0),
    ]


def test_processes_stand_in_the_order_of_their_work_and_number() -> None:
    names = ("documents-0", "web-10", "answers-0", "web-2")
    now = page(2.0, *(line for name in names for line in web(name)))
    assert [each.name for each in view(now, now).processes] == ["web-2", "web-10", "answers-0", "documents-0"]


def test_a_silent_process_is_shown_and_one_that_ended_is_not() -> None:
    silent, ended = '{host="a",process="web-1"}', '{host="a",process="web-2"}'
    now = page(
        2.0,
        *web("web-0"),
        f"chatserver_process_cpu_seconds_total{silent} 5",
        f"chatserver_snapshot_age_seconds{silent} 42",
        f"chatserver_process_cpu_seconds_total{ended} 5",
    )
    found = view(now, now)
    assert [(each.name, each.live) for each in found.processes] == [("web-0", True), ("web-1", False)]
    assert "web-1 silent for 42 s" in drawn(found, 140)


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_it_fits_any_terminal(width: int) -> None:
    now = page(
        2.0,
        *web("web-0", sockets=95, rooms=3, loop_lag_worst_seconds=0.4, process_resident_bytes=3e8, answer_slots=4),
        'chatserver_answers_total{status="failed"} 1',
        'chatserver_answers_total{status="complete"} 3',
        "chatserver_database_up 0",
        "chatserver_redis_up 1",
    )
    text = drawn(view(now, now), width)
    assert all(len(line) <= width for line in text.splitlines())
    if width >= 80:
        assert "PostgreSQL does not answer" in text
        assert "25.0% of 4 failed" in text
        for said in ("web-0", "95 █", "400 ms", "0/4", "300 MB"):
            assert said in text, said


def test_an_address_that_is_none_is_said_in_one_line() -> None:
    with pytest.raises(NoMetrics, match="begins with http"):
        Server("chat.example.com", Config())
