#!/usr/bin/env python
"""Every command of the server: `manage.py help` lists them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from chatserver.config import config
from chatserver.errors import ConfigError, EngineMissing

WITHOUT_ENGINES = frozenset(
    (
        "check collectstatic compilemessages diffsettings help makemessages makemigrations nginx_config roll top "
        "version --help --version"
    ).split()
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatserver.settings")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        with _engines(sys.argv[1:]):
            _execute()
    except ConfigError as error:
        sys.exit(_complain(f"Wrong setting: {error}", 2))
    except EngineMissing as error:
        sys.exit(_complain(f"Missing engine: {error}", 3))
    except KeyboardInterrupt:
        sys.exit(130)


def _execute() -> None:
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError
    from psycopg.errors import UndefinedTable

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
        raise EngineMissing(f"PostgreSQL does not answer: {reason}. Check DATABASE_URL.") from None
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
        sys.exit(_complain("The database has no tables yet: run `manage.py migrate`, or `make run` once.", 3))


def _terminated(number: int, frame: object) -> NoReturn:
    """A command that is told to stop unwinds, so that the engines it started are shut down and not cut off."""
    sys.exit(128 + number)


@contextmanager
def _engines(arguments: list[str]) -> Iterator[None]:
    """PostgreSQL and Redis for the command, and for what it starts: those of the settings, or private ones."""
    settings = config()
    if not arguments or arguments[0] in WITHOUT_ENGINES or {"-h", "--help"} & set(arguments):
        yield
        return
    if settings.database_url and settings.redis_url:
        yield
        return
    if sys.platform == "win32":
        raise EngineMissing("on Windows none is brought along: set DATABASE_URL and REDIS_URL.")
    from chatserver.serving.embedded import Engines

    with Engines(settings.data, settings.database_url, settings.redis_url) as engines:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = engines.database_url, engines.redis_url
        config.cache_clear()
        yield


def _complain(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
