"""Django for the tests that meet real records; the settings are those that `tests/conftest.py` made. One server for
all tests of the HTTP API."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from pytest_django import DjangoDbBlocker

from chatserver.serving.embedded import Engines
from tests.api import Api, open_api
from tests.conftest import fresh_database, set_up_django
from tests.owner import Owner, as_owner
from tests.records import Site

if TYPE_CHECKING:
    from chatserver.knowledge.ingest import Ingester
    from chatserver.knowledge.models import Collection


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


@pytest.fixture
def collection(orm: None) -> Collection:
    """The public one of a site, on a fresh database."""
    from chatserver.knowledge import records
    from chatserver.sites import models

    return records.the_collection(models.Site.objects.create(key="shop", name="Shop"))


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """Where a test's search index is."""
    return str(tmp_path / "index")


@pytest.fixture
def ingester(orm: None, uri: str) -> Iterator[Ingester]:
    """Without an embedder."""
    from chatserver.knowledge.index import LanceIndex
    from chatserver.knowledge.ingest import Ingester

    with Ingester(LanceIndex(uri)) as one:
        yield one


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
