"""Real engines for the whole session: one private PostgreSQL and Redis, a fresh database for each test that asks.

They are started before Django reads its settings, in a folder of this session's own. With pytest-xdist each of its
processes is such a session: nothing is shared between tests that run side by side but the machine.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import psycopg
import pytest

from chatserver.serving.embedded import Engines

ROOT = Path(__file__).resolve().parents[1]
_stash: dict[str, Engines] = {}
_folders: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    # An operator's own settings must not reach the tests.
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "INDEX_URL",
        "LLM_BASE_URL",
        "LLM_MODEL",
        "EMBED_BASE_URL",
        "EMBED_MODEL",
    ):
        os.environ.pop(name, None)
    if _hands_out(config):
        return  # and leaves the environment as it is, which the others inherit: pytest-django would set up Django by it
    folder = Path(tempfile.mkdtemp(prefix="chatserver-tests-"))
    folder.chmod(0o711)
    _folders.append(folder)
    engines = Engines(folder)
    engines.__enter__()
    os.environ.update(
        DATABASE_URL=engines.database_url,
        REDIS_URL=f"{engines.redis_url}?db=0",
        DATA_DIR=str(folder / "django"),
        DJANGO_SETTINGS_MODULE="chatserver.settings",
        SECRET_KEY="tests",
    )
    _stash["engines"] = engines


def _hands_out(config: pytest.Config) -> bool:
    """Whether this process only hands the tests out to others (pytest-xdist)."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


def set_up_django() -> None:
    """For `pytest_configure` of folders whose modules import models: after the settings are made."""
    if "engines" in _stash:  # not in a process that only hands the tests out
        django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    if engines := _stash.pop("engines", None):
        engines.stop()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Hostile text that tests log, half a surrogate pair for instance, cannot be handed from process to process."""
    report: Any = yield
    report.sections = [(name, _sendable(text)) for name, text in report.sections]
    if report.longrepr is not None and _sendable(str(report.longrepr)) != str(report.longrepr):
        report.longrepr = _sendable(str(report.longrepr))
    return report


def _sendable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture(scope="session")
def engines() -> Engines:
    """The session's engines. Tests that break engines start their own (`chatserver.serving.embedded.Engines`)."""
    return _stash["engines"]


def sibling(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def migrate(database_url: str) -> None:
    """Make the schema, as an operator would: in a process of its own."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        check=True,
    )


@pytest.fixture(scope="session")
def template_database(engines: Engines) -> str:
    """A migrated, empty database that others are copied from."""
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_chat")
    migrate(sibling(engines.database_url, "template_chat"))
    return "template_chat"


_numbers = itertools.count(1)


@contextmanager
def fresh_database(engines: Engines, template: str) -> Iterator[str]:
    """The URL of a migrated, empty database, which is gone afterwards."""
    name = f"chat_{next(_numbers)}"
    with psycopg.connect(engines.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        yield sibling(engines.database_url, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(engines: Engines, template_database: str) -> Iterator[str]:
    """A fresh, migrated database, gone after the test."""
    with fresh_database(engines, template_database) as url:
        yield url


@pytest.fixture
def redis_url(engines: Engines) -> str:
    """The session's Redis. Channel layers keep apart by database name, so nothing needs to be flushed."""
    return f"{engines.redis_url}?db={next(_numbers) % 15 + 1}"
