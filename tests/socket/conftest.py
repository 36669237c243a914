"""Django for the tests that meet real records; the settings are those that `tests/conftest.py` made."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import django
import pytest
from pytest_django import DjangoDbBlocker


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    django.setup()  # before test modules import models, and after the settings are made


@pytest.fixture
def orm(database_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's ORM on a fresh database, in every thread; rows are really committed."""
    from django.db import connections

    settings = connections.settings["default"]
    before, settings["NAME"] = settings["NAME"], urlsplit(database_url).path.lstrip("/")
    connections["default"].close()
    try:
        with django_db_blocker.unblock():
            yield
    finally:
        connections["default"].close()
        settings["NAME"] = before
