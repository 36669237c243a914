"""`make production-check`, once with each server."""

from __future__ import annotations

import pytest

from tests.production.check import SERVERS, check


@pytest.mark.parametrize("server", SERVERS)
async def test_a_production_loses_nothing_while_all_of_it_is_replaced(server: str) -> None:
    await check(server)
