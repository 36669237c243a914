"""Metrics as data and text, and the board on which processes leave them to one another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from chatserver.metrics import Board, Counter, Gauge, Histogram, Registry, render
from chatserver.metrics.board import KEEP_SECONDS, LIVE_SECONDS, SHEET_BYTES, Sheet, read
from chatserver.metrics.registry import SERIES_MAX


class Measured(Registry):
    """What a process of the tests counts: each its own, as processes have it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Counter("asked_total", "Questions.", registry=self)
        self.ended = Counter("ended_total", "Answers.", label="status", values=("good",), registry=self)
        self.took = Histogram("took_seconds", "Time.", (0.1, 1.0), registry=self)
        self.open = Gauge("open", "Sockets.", lambda: 7, registry=self)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


@pytest.fixture
def boards(folder: Path) -> Iterator[list[Board]]:
    made: list[Board] = []
    yield made
    for board in made:
        board.close()


def opened(folder: Path, boards: list[Board], registry: Registry | None = None) -> Board:
    board = Board(folder, "web", registry=registry or Measured())
    board.open()
    boards.append(board)
    return board


def grown_old(folder: Path, seconds: float) -> None:
    """As if all that is there had been written so long ago."""
    for path in folder.glob("*.json"):
        sheet = msgspec.json.decode(path.read_bytes(), type=Sheet)
        sheet.at -= seconds
        path.write_bytes(msgspec.json.encode(sheet))


def test_a_page_is_the_text_format() -> None:
    measured = Measured()
    measured.asked.value += 12_345_678
    measured.ended.add(label='a"b\\c\nd')
    measured.took.observe(0.05)
    measured.took.observe(0.1)
    measured.took.observe(5.5)
    text = render([({"process": "web-0"}, measured.families())])
    assert text.splitlines() == [
        "# HELP asked_total Questions.",
        "# TYPE asked_total counter",
        'asked_total{process="web-0"} 12345678',
        "# HELP ended_total Answers.",
        "# TYPE ended_total counter",
        r'ended_total{process="web-0",status="a\"b\\c\nd"} 1',
        'ended_total{process="web-0",status="good"} 0',
        "# HELP open Sockets.",
        "# TYPE open gauge",
        'open{process="web-0"} 7',
        "# HELP took_seconds Time.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{process="web-0",le="0.1"} 2',
        'took_seconds_bucket{process="web-0",le="1"} 2',
        'took_seconds_bucket{process="web-0",le="+Inf"} 3',
        'took_seconds_sum{process="web-0"} 5.65',
        'took_seconds_count{process="web-0"} 3',
    ]


def test_each_metric_is_described_once_for_all_processes() -> None:
    text = render([({"process": name}, Measured().families()) for name in ("web-0", "web-1")])
    assert text.count("# TYPE asked_total counter") == 1
    assert 'asked_total{process="web-0"} 0\nasked_total{process="web-1"} 0\n' in text


def test_what_is_not_known_has_no_value() -> None:
    registry = Registry()
    Gauge("nothing", "Nothing.", registry=registry)
    Gauge("up", "Whether it is.", lambda: True, registry=registry)
    assert render([({}, registry.families())]).splitlines()[2:] == [
        "# HELP up Whether it is.",
        "# TYPE up gauge",
        "up 1",
    ]


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="open"):
        Gauge("open", "Again.", registry=Measured())


def test_the_values_of_a_label_are_bounded() -> None:
    measured = Measured()
    for number in range(SERIES_MAX * 2):
        measured.ended.add(label=str(number))
    assert len(measured.ended.values) == SERIES_MAX + 1
    assert measured.ended.values["other"] == SERIES_MAX + 1


def test_a_failing_step_is_timed_too() -> None:
    measured = Measured()
    with pytest.raises(RuntimeError), measured.took.time():
        raise RuntimeError
    assert measured.took.count == 1


async def test_the_page_shows_every_process(folder: Path, boards: list[Board]) -> None:
    first, second = opened(folder, boards), opened(folder, boards)
    assert (first.process, second.process) == ("web-0", "web-1")
    await first.page()
    page = await second.page()
    for name in ("web-0", "web-1"):
        assert f'open{{host="{first.host}",process="{name}"}} 7' in page


async def test_a_successor_goes_on_counting(folder: Path, boards: list[Board]) -> None:
    before = Measured()
    first = opened(folder, boards, before)
    before.asked.value += 3
    before.ended.add(2, "good")
    before.ended.add(label="bad")
    before.took.observe(0.5)
    first.close()
    after = Measured()
    assert opened(folder, boards, after).process == "web-0"
    after.asked.value += 1
    after.took.observe(0.5)
    assert after.asked.value == 4
    assert after.ended.values == {"good": 2, "bad": 1}
    assert after.took.family().buckets == {"": [0, 2, 0]}
    assert after.took.family().values == {"": 1.0}


async def test_what_a_process_counted_itself_is_not_counted_twice(folder: Path, boards: list[Board]) -> None:
    measured = Measured()
    first = opened(folder, boards, measured)
    measured.asked.value += 3
    first.close()
    opened(folder, boards, measured)
    assert measured.asked.value == 3


async def test_histograms_of_another_version_are_left_alone(folder: Path, boards: list[Board]) -> None:
    earlier = Registry()
    Histogram("took_seconds", "Time.", (9.0,), registry=earlier).observe(1)
    opened(folder, boards, earlier).close()
    later = Measured()
    opened(folder, boards, later)
    assert later.took.count == 0


async def test_a_process_that_is_silent_keeps_its_counters_and_loses_its_gauges(
    folder: Path, boards: list[Board]
) -> None:
    silent, other = opened(folder, boards), opened(folder, boards)
    await silent.page()
    grown_old(folder, LIVE_SECONDS + 5)
    page = await other.page()
    who = f'{{host="{silent.host}",process="web-0"}}'
    assert f"asked_total{who} 0" in page
    assert f"open{who}" not in page
    (age,) = [line for line in page.splitlines() if line.startswith(f"chatserver_snapshot_age_seconds{who}")]
    assert float(age.rpartition(" ")[2]) >= LIVE_SECONDS


async def test_a_process_that_ended_in_good_order_is_not_missed(folder: Path, boards: list[Board]) -> None:
    gone, other = opened(folder, boards), opened(folder, boards)
    gone.close()
    page = await other.page()
    who = f'{{host="{gone.host}",process="web-0"}}'
    assert f"asked_total{who} 0" in page
    assert f"open{who}" not in page
    assert f"chatserver_snapshot_age_seconds{who}" not in page


async def test_what_nobody_wrote_for_long_is_forgotten(folder: Path, boards: list[Board]) -> None:
    opened(folder, boards).close()
    grown_old(folder, KEEP_SECONDS + 5)
    assert not read(folder)
    later = Measured()
    opened(folder, boards, later)
    assert later.asked.value == 0


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"{}" + b" " * SHEET_BYTES], ids=len)
async def test_a_broken_file_breaks_nothing(folder: Path, boards: list[Board], data: bytes) -> None:
    board = opened(folder, boards)
    (folder / "elsewhere~web-9.json").write_bytes(data)
    assert "asked_total" in await board.page()


async def test_without_a_disk_a_process_shows_its_own(tmp_path: Path, boards: list[Board]) -> None:
    (tmp_path / "file").touch()
    board = opened(tmp_path / "file" / "metrics", boards)
    assert f'process="{board.process}"' in await board.page()


def test_nobody_else_reads_the_files(folder: Path, boards: list[Board]) -> None:
    board = opened(folder, boards)
    board.start_thread()
    board.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert time.time() - read(folder)[0].at < LIVE_SECONDS
