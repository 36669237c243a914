"""Django for the tests that meet real records; the settings are those that `tests/conftest.py` made. One server for
all tests of the HTTP API."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from pytest_django import DjangoDbBlocker

from chatserver.serving.embedded import Engines
from tests.api import Api, open_api
from tests.conftest import fresh_database, set_up_django
from tests.owner import Owner, as_owner
from tests.records import Site


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    set_up_django()


@contextmanager
def orm_on(database_url: str, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's ORM on this database, in every thread; rows are really committed."""
    from django.db import connections

    settings = connections.settings["default"]
    before, settings["NAME"] = settings["NAME"], urlsplit(database_url).path.lstrip("/")
    connections["default"].close()
    try:
        with blocker.unblock():
            yield
    finally:
        connections["default"].close()
        settings["NAME"] = before


@pytest.fixture
def orm(database_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's ORM on a fresh database."""
    with orm_on(database_url, django_db_blocker):
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(engines: Engines, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """For modules with `pytestmark = pytest.mark.asyncio(loop_scope="session")`. Tests share it, so each makes its
    own users and rooms."""
    with fresh_database(engines, template_database) as url:
        async with open_api(url, f"{engines.redis_url}?db=0", tmp_path_factory.mktemp("api")) as api:
            yield api


@pytest_asyncio.fixture(loop_scope="session")
async def site(api: Api) -> Site:
    """A site of the test's own, so that its documents are alone."""
    return await Site(api.store.pool, key=f"site-{uuid.uuid4().hex[:12]}").create()


@pytest_asyncio.fixture(loop_scope="session")
async def owner(api: Api, site: Site) -> Owner:
    """Who manages `site`."""
    return as_owner(api, await api.member("Olga", "admin", site))
