"""A site whose pages have the widget, and a visitor of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from tests.browser.conftest import Demo
from tests.browser.widget.host import Host, WidgetPage


@pytest.fixture
def host(demo: Demo) -> Iterator[Host]:
    """A site whose origin the demo's site lists."""
    with Host(demo.servers[0].http) as host, psycopg.connect(demo.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE sites_site SET origins = array_append(origins, %s) WHERE key = 'demo'", [host.origin]
        )
        yield host
        connection.execute(
            "UPDATE sites_site SET origins = array_remove(origins, %s) WHERE key = 'demo'", [host.origin]
        )


@pytest_asyncio.fixture(loop_scope="session")
async def widget(demo: Demo, host: Host) -> AsyncIterator[WidgetPage]:
    """The page of a visitor in a browser of their own; its policy is kept to the end."""
    widget = await host.enter(demo)
    yield widget
    assert await widget.page.evaluate("window.violations") == []
