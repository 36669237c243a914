"""`manage.py serve`, from nothing to ready and back to nothing, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import httpx
import pytest

from chatserver.serving import supervise
from chatserver.serving.supervise import Child, Supervisor
from tests.chat import Chat
from tests.server import ROOT
from tests.serving import DEADLINE, Serve, environment, manage


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory that PostgreSQL's own user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="chatserver-serve-") as name:
        os.chmod(name, 0o711)
        yield Path(name) / "data"


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The session's engines, an empty database."""
    return environment(DATABASE_URL=database_url, REDIS_URL=redis_url, DATA_DIR=str(tmp_path / "data"))


def workers(serve: Serve) -> list[int]:
    """Gunicorn's workers: its processes but the first."""
    return sorted(serve.children(lambda command: "gunicorn" in command))[1:]


async def until_running(serve: Serve, *parts: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not all(part in "\n".join(serve.processes().values()) for part in parts):
            await asyncio.sleep(0.05)


async def sign_in(address: str, password: str) -> str:
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        response = await client.post("/api/v1/auth/token", json={"username": "demo", "password": password})
        assert response.status_code == 200, response.text
        token: str = response.json()["access"]
        return token


async def healthy(address: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{address}/healthz", timeout=5)).status_code == 200
        except httpx.TransportError:
            return False


def unexpected(serve: Serve) -> list[str]:
    """What it said on stderr beyond the lines that the log level asks for."""
    return [line for line in serve.err if " INFO " not in line]


async def test_from_an_empty_folder_through_two_crashes_to_a_clean_end(folder: Path) -> None:
    environ = environment(DATA_DIR=str(folder))
    async with Serve(environ, "--port", "0", "--processes", "1") as serve:
        assert await healthy(serve.address)
        assert "".join(serve.out).count("Ready:") == 1
        await until_running(serve, "postgres", "redis", "gunicorn", "celery")
        assert len(workers(serve)) == 1

        password = (await serve.line(r"Sign in as demo with password (\S+)"))[1]
        token = await sign_in(serve.address, password)
        async with Chat(serve.address.replace("http", "ws") + "/ws", token) as chat:
            (room,) = (await chat.hello())["rooms"]
            await chat.command("room.join", room=room["room"])
            answer = (await chat.ask(room["room"], "How do I add documents?"))["answer"]
            final = await chat.until_status(room["room"], answer, "complete")
            assert final["sources"]
            top = await asyncio.to_thread(manage, "top", "--once", "--interval", "0.5", environ=environ)
            assert (top.returncode, top.stderr) == (0, "")
            assert f"chatserver {serve.address} " in top.stdout
        assert not unexpected(serve)

        os.kill(serve.pid, signal.SIGKILL)
        assert await serve.ended() == -signal.SIGKILL

    port = serve.address.rpartition(":")[2]
    async with Serve(environ, "--port", port, "--processes", "1") as again:
        assert again.address == serve.address
        assert "making the demo" not in "".join(again.out)
        (before,) = workers(again)
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE):
            while not (set(workers(again)) - {before} and await healthy(again.address)):
                await asyncio.sleep(0.1)

        os.killpg(again.pid, signal.SIGINT)
        assert await again.ended() == 0
        assert not await healthy(again.address)
        assert all("was sent SIGKILL" in line for line in unexpected(again))


async def test_a_start_that_is_interrupted_tells_the_password_that_it_made(folder: Path) -> None:
    async with Serve(environment(DATA_DIR=str(folder)), "--port", "0", until="The database is empty") as serve:
        await until_running(serve, "manage.py ingest")
        os.kill(serve.pid, signal.SIGTERM)
        assert await serve.ended() == 128 + signal.SIGTERM
        assert await serve.line(r"Sign in as demo with password \S+")


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_it_ends_with_its_children_when_told(name: str) -> None:
    child = Child("Something", ["sh", "-c", f"kill -{name} $PPID; exec sleep 600"])
    assert Supervisor([child]).run() == 0
    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM


def test_a_child_that_ends_is_started_again_and_its_follower_waits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark"
    first = Child("The first", ["sh", "-c", f"test -e {mark} && exec sleep 600; touch {mark}; exit 7"])
    second = Child("The second", ["sh", "-c", "kill -TERM $PPID; exec sleep 600"], after=lambda: first.failures > 0)
    assert Supervisor([first, second]).run() == 0
    assert "The first ended with exit code 7; starting it again in 0.5 s.\n" in capfd.readouterr().err


@pytest.mark.parametrize("line", range(1, 40))
def test_a_signal_ends_it_whatever_it_is_doing(line: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also inside of what the standard library does for it, where a handler must not wait for a lock."""
    lines = itertools.count(1)

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and next(lines) == line:
            sys.settrace(None)
            signal.raise_signal(signal.SIGTERM)
        return trace

    def begin() -> None:
        sys._getframe(1).f_trace = trace  # of who called this, too
        sys.settrace(trace)

    def stuck(number: int, frame: object) -> NoReturn:
        raise AssertionError("It goes on, or waits for itself.")

    monkeypatch.setattr(supervise, "TICK_SECONDS", 0.001)
    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        assert Supervisor([]).run(begin) == 0
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_end_of_an_engine_ends_the_children() -> None:
    child = Child("Something", ["sleep", "600"])
    engines = iter([True, True, False])
    assert Supervisor([child], alive=lambda: next(engines)).run() == 3
    assert child.process is not None
    assert child.process.returncode == -signal.SIGTERM


def one_line(stderr: str) -> str:
    """What it said, which must be one line for people."""
    (line,) = stderr.splitlines()
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PORT": "x"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"PROCESSES": "0"}, "PROCESSES"),
        ({"DATABASE_URL": "mysql://someone:s3cret@127.0.0.1/chat"}, "DATABASE_URL"),
        ({"REDIS_URL": "http://:s3cret@x"}, "REDIS_URL"),
        ({"LLM_BASE_URL": "http://127.0.0.1:9"}, "LLM_MODEL"),
        ({"EMBED_BASE_URL": "http://127.0.0.1:9"}, "EMBED_MODEL"),
        ({"DEFAULT_LANGUAGE": "xx"}, "DEFAULT_LANGUAGE"),
        ({"EMBED_MODEL": "/nowhere"}, "EMBED_MODEL"),
        ({"DATA_DIR": "/dev/null/data"}, "DATA_DIR"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_named_in_one_line(settings: dict[str, str], named: str, environ: dict[str, str]) -> None:
    run = manage("serve", "--port", "0", environ=environ | settings)
    line = one_line(run.stderr)
    assert line.startswith("Wrong setting: ")
    assert named in line
    assert "s3cret" not in line
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("setting", ["DATABASE_URL", "REDIS_URL"])
def test_an_engine_that_does_not_answer_is_named_in_one_line(setting: str, environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = {"DATABASE_URL": "postgresql://chat:s3cret@127.0.0.1:{}/chat", "REDIS_URL": "redis://:s3cret@127.0.0.1:{}"}
    run = manage("serve", "--port", "0", environ=environ | {setting: url[setting].format(port)})
    line = one_line(run.stderr)
    assert re.search(rf"^Missing engine: .*\bCheck {setting}\.$", line)
    assert "s3cret" not in line
    assert (run.returncode, run.stdout) == (3, "")


def test_a_port_in_use_is_said_in_one_line(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = manage("serve", "--port", str(port), environ=environ)
    line = one_line(run.stderr)
    assert line.startswith(f"Cannot listen on 127.0.0.1:{port} ")
    assert f"--port {port + 1}" in line
    assert (run.returncode, run.stdout) == (1, "")


async def test_on_a_unix_socket_a_hangup_replaces_the_web_process(environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="chatserver-") as folder:
        path = f"{folder}/web.sock"
        options = ("--bind", f"unix:{path}", "--server", "uvicorn", "--processes", "1", "--no-demo")
        async with Serve(environ, *options, until="Ready: unix:") as serve:
            assert os.stat(path).st_mode & 0o777 == 0o770, "for its owner and a proxy in its group"
            (before,) = workers(serve)
            os.kill(serve.pid, signal.SIGHUP)
            async with asyncio.timeout(60):
                while before in (now := workers(serve)) or len(now) != 1:
                    await asyncio.sleep(0.1)
            async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
                assert (await client.get("http://localhost/healthz")).status_code == 200
            second = manage("serve", "--bind", f"unix:{path}", environ=environ)
            assert second.returncode == 1
            assert "another server listens there" in one_line(second.stderr)
            assert "was sent" not in "".join(serve.err)
            assert not unexpected(serve)


def test_rolling_without_a_server_is_said_in_one_line(environ: dict[str, str]) -> None:
    run = manage("roll", environ=environ)
    assert one_line(run.stderr).startswith("No web processes run here")
    assert (run.returncode, run.stdout) == (1, "")


@pytest.mark.parametrize(
    ("changed", "code", "line"),
    [
        ({"SERVER": "hypercorn"}, 2, "Wrong setting: SERVER"),
        ({"REDIS_URL": ""}, 3, "Missing engine: gunicorn by itself starts none"),
        ({"DATA_DIR": "/dev/null/data"}, 2, "Wrong setting: DATA_DIR"),
    ],
)
def test_gunicorn_by_itself_says_in_one_line_what_is_wrong(
    environ: dict[str, str], changed: dict[str, str], code: int, line: str
) -> None:
    conf = ROOT / "chatserver" / "serving" / "gunicorn.conf.py"
    with tempfile.TemporaryDirectory() as elsewhere:  # from any directory
        run = subprocess.run(
            [sys.executable, "-m", "gunicorn", "chatserver.asgi:application", "-c", str(conf), "--bind", "127.0.0.1:0"],
            cwd=elsewhere,
            env={**environ, **changed},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert one_line(run.stderr).startswith(line)
    assert run.returncode == code
