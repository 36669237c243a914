"""When a serving process is replaced, and that only one is at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.config import BASE_DIR
from chatserver.serving import rolling
from chatserver.serving.places import Place
from chatserver.serving.rolling import Crew, Ready, Recycling

MIB = 1024 * 1024
OLD = 10_000.0


@given(st.integers(1, 1_000_000))
def test_the_bound_on_sockets_is_never_met_early_and_at_most_a_fifth_late(sockets: int) -> None:
    recycling = Recycling(sockets, 0)
    assert sockets <= recycling.sockets <= round(sockets * 1.2)
    assert recycling.reason(served=recycling.sockets - 1, memory=OLD.__trunc__() * MIB, age=OLD) is None
    assert "sockets" in (recycling.reason(served=recycling.sockets, memory=0, age=0) or "")


def test_processes_that_start_together_are_not_due_together() -> None:
    assert len({Recycling(100_000, 0).sockets for _ in range(20)}) > 10


def test_memory_counts_once_a_process_has_settled() -> None:
    recycling = Recycling(0, 500, settle=60)
    assert recycling.reason(served=10**9, memory=499 * MIB, age=OLD) is None
    assert recycling.reason(served=0, memory=600 * MIB, age=59) is None
    assert recycling.reason(served=0, memory=600 * MIB, age=60) == "it takes 600 MB of memory"


def test_without_bounds_a_process_stays() -> None:
    assert Recycling(0, 0).reason(served=10**9, memory=10**12, age=OLD) is None


def test_a_process_knows_its_memory() -> None:
    assert 10 * MIB < rolling.resident_bytes() < 10_000 * MIB


@contextmanager
def another(crew: Crew, mark: str) -> Iterator[int]:
    """A process of the crew that is ready and takes the turn, until it is killed."""
    code = (
        "import os, sys; from pathlib import Path; from chatserver.serving.rolling import Crew\n"
        f"crew = Crew({crew.arbiter}, Path({str(crew.folder.parents[1])!r})); crew.join(os.getpid(), {mark!r})\n"
        "print(crew.take_turn(), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def crew(tmp_path: Path) -> Crew:
    made = Crew(os.getpid(), tmp_path)
    made.create()
    return made


def test_the_turn_is_one_process_s_until_it_ends_however_it_ends(crew: Crew) -> None:
    with another(crew, "m") as pid:
        assert crew.ready() == [Ready(pid, "m")]
        assert crew.leaving() == pid
        assert not crew.take_turn()
        assert [found.arbiter for found in Crew.all(crew.folder.parents[1])] == [crew.arbiter]
    assert crew.ready() == []
    assert crew.leaving() == 0
    assert Crew.all(crew.folder.parents[1]) == []
    assert crew.take_turn()
    assert crew.leaving() == os.getpid()


def test_a_request_changes_the_mark_each_time(crew: Crew) -> None:
    seen = {crew.mark()}
    for _ in range(3):
        crew.request()
        seen.add(crew.mark())
    assert len(seen) == 4


def test_an_arbiter_sweeps_what_a_killed_one_left(crew: Crew, tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    old = Crew(int(gone.stdout), tmp_path)
    old.create()
    crew.request()
    crew.create()
    assert not old.folder.exists()
    assert crew.mark() == ""


def test_the_one_whose_turn_it_is_goes_when_there_shall_be_one_less(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rolling, "config", lambda: SimpleNamespace(data=tmp_path))
    with another(crew, "m") as pid:
        workers = {1: SimpleNamespace(age=3), pid: SimpleNamespace(age=5)}
        arbiter = SimpleNamespace(WORKERS=workers, num_workers=3, cfg=SimpleNamespace(workers=2))
        rolling.nworkers_changed(arbiter, 3, 2)
        assert min(workers, key=lambda one: workers[one].age) == 1
        rolling.nworkers_changed(arbiter, 2, 3)
        assert min(workers, key=lambda one: workers[one].age) == pid
        rolling.child_exit(arbiter, SimpleNamespace(pid=1))
        assert arbiter.num_workers == 3, "its successor may still be starting"
    rolling.child_exit(arbiter, SimpleNamespace(pid=pid))
    assert arbiter.num_workers == 2, "killed after it had asked for one more"
    assert not (crew.folder / f"{pid}.ready").exists()


@pytest.mark.parametrize(
    ("value", "bind", "address"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        (":80", "127.0.0.1:80", "http://127.0.0.1"),
        ("0.0.0.0:81", "0.0.0.0:81", "http://127.0.0.1:81"),
        ("[::1]:8000", "[::1]:8000", "http://[::1]:8000"),
        ("unix:/run/chat.sock", "unix:/run/chat.sock", "unix:/run/chat.sock"),
    ],
)
def test_a_place_to_listen_is_read(value: str, bind: str, address: str) -> None:
    place = Place.parse(value)
    assert (place.bind, place.address) == (bind, address)


@pytest.mark.parametrize("value", ["", "8000", "a:b", "a:70000", "::1:80", "unix:chat.sock", "unix:/" + "x" * 107])
def test_what_is_no_place_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Place.parse(value)
