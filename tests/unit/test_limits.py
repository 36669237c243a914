"""Limits of one process: what passes, what waits how long, and that what left no longer counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import RateLimited
from chatserver.realtime.limits import Bucket, Limits, Typing


def test_a_burst_passes_and_the_next_is_told_when() -> None:
    bucket = Bucket(burst=3, per_second=0.5)
    assert [bucket.take("ann", 100.0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take("ann", 100.0) == pytest.approx(2.0)
    assert bucket.take("bob", 100.0) == 0, "others are not held up"
    assert bucket.take("ann", 102.0) == 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_never_more_than_the_burst_and_the_rate(gaps: list[float]) -> None:
    bucket, now, passed = Bucket(burst=4, per_second=2), 0.0, 0
    for gap in gaps:
        now += gap
        wait = bucket.take("ann", now)
        passed += wait == 0
        assert passed <= 4 + 2 * now + 1e-6
        if wait:
            assert bucket.take("ann", now + wait + 1e-6) == 0, "what was promised holds"
            now, passed = now + wait + 1e-6, passed + 1


def test_a_bucket_forgets_the_longest_unused_key() -> None:
    bucket = Bucket(burst=1, per_second=0.001, keys_max=2)
    for key in ("ann", "bob", "cid"):
        assert bucket.take(key, 0.0) == 0
    assert bucket.take("cid", 0.0) > 0
    assert bucket.take("ann", 0.0) == 0, "forgotten, so it begins anew"


def test_typing_is_told_seldom_and_its_end_once() -> None:
    typing = Typing()
    assert typing.allows("ann", "r", True, 0.0)
    assert not typing.allows("ann", "r", True, 1.0)
    assert typing.allows("ann", "r", False, 1.5)
    assert not typing.allows("ann", "r", False, 1.6)
    assert not typing.allows("ann", "r", True, 1.7)
    assert typing.allows("ann", "r", True, 2.1)
    assert typing.allows("ann", "other", True, 2.1)


def limits(*, process: int = 10) -> Limits:
    return Limits(sends_per_minute=2, sockets_per_user=2, sockets_per_address=3, sockets_per_process=process)


def test_sockets_count_while_they_are_open() -> None:
    made = limits()
    for _ in range(2):
        made.enter_user("ann")
    with pytest.raises(RateLimited):
        made.enter_user("ann")
    made.exit_user("ann")
    made.enter_user("ann")
    for _ in range(3):
        made.enter_address("10.0.0.1")
    with pytest.raises(RateLimited):
        made.enter_address("10.0.0.1")
    made.enter_address("10.0.0.2")
    made.exit_address("10.0.0.1")
    made.enter_address("10.0.0.1")


def test_a_full_process_takes_nobody() -> None:
    made = limits(process=2)
    made.enter_address("10.0.0.1")
    made.enter_address("10.0.0.2")
    with pytest.raises(RateLimited) as refused:
        made.enter_address("10.0.0.3")
    assert refused.value.retry_after


def test_who_sends_too_fast_is_told_when() -> None:
    made = limits()
    made.send("ann", 0.0)
    made.send("ann", 0.0)
    with pytest.raises(RateLimited) as refused:
        made.send("ann", 0.0)
    assert refused.value.retry_after == 30.0
    made.send("bob", 0.0)
    made.send("ann", 30.0)
