"""What one socket may say and until when, with the clock in hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.protocol import session as rules
from chatserver.protocol.frames import COMMANDS, Close, Hello, Ping
from chatserver.protocol.session import HELLO_SECONDS, POSTPONED_SECONDS, Refusal, Session

DAY = 86_400.0
HELLO = json.dumps({"type": "hello", "id": "h"})


def ping(id_: str = "1") -> str:
    return json.dumps({"type": "ping", "id": id_})


def opened(now: float = 0.0, lifetime: float | None = None) -> Session:
    session = Session(now, max_age=DAY)
    assert isinstance(session.receive(HELLO, now), Hello)
    session.welcome(now, lifetime)
    return session


def refused(outcome: Any) -> tuple[str, Close | None]:
    assert isinstance(outcome, Refusal)
    return outcome.error.code, outcome.close


def test_hello_opens_the_session_and_commands_pass() -> None:
    session = opened()
    assert session.is_open
    assert session.receive(ping(), 1.0) == Ping(id="1")


def test_another_first_command_is_a_violation() -> None:
    code, close = refused(Session(0.0, max_age=DAY).receive(ping(), 0.0))
    assert (code, close and close.code) == ("unauthenticated", 4002)


@pytest.mark.parametrize("text", ["", "{", None, '{"type":"hello","id":1}', '{"type":"later","id":"1"}'])
def test_a_frame_that_is_no_command_leaves_the_socket_waiting_for_hello(text: str | None) -> None:
    session = Session(0.0, max_age=DAY)
    assert refused(session.receive(text, 0.0))[1] is None
    assert isinstance(session.receive(HELLO, 1.0), Hello)


def test_without_hello_the_socket_is_closed_in_time() -> None:
    session = Session(100.0, max_age=DAY)
    assert session.deadline == 100.0 + HELLO_SECONDS
    assert session.overdue(104.9) is None
    close = session.overdue(105.0)
    assert close is not None
    assert close.code == 4004


def test_a_second_hello_is_a_conflict_while_greeting_and_after() -> None:
    session = Session(0.0, max_age=DAY)
    session.receive(HELLO, 0.0)
    assert refused(session.receive(HELLO, 0.0)) == ("conflict", None)
    session.welcome(0.0, None)
    assert refused(session.receive(HELLO, 0.0)) == ("conflict", None)
    assert session.is_open


def test_commands_behind_a_hello_pass_while_it_is_looked_at() -> None:
    session = Session(0.0, max_age=DAY)
    session.receive(HELLO, 0.0)
    assert session.receive(ping(), 0.0) == Ping(id="1")


def test_the_deadline_for_hello_ends_when_it_came() -> None:
    session = Session(0.0, max_age=DAY)
    session.receive(HELLO, 4.9)
    assert session.overdue(60.0) is None


def test_a_postponed_hello_may_be_repeated() -> None:
    session = Session(0.0, max_age=DAY)
    session.receive(HELLO, 0.0)
    session.postpone(2.0)
    assert refused(session.receive(ping("2"), 3.0)) == ("unauthenticated", None)
    assert session.deadline == 2.0 + POSTPONED_SECONDS
    assert isinstance(session.receive(HELLO, 4.0), Hello)
    session.welcome(4.0, None)
    assert session.receive(ping(), 4.0) == Ping(id="1")


def test_a_postponed_hello_that_is_not_repeated_ends_the_socket() -> None:
    session = Session(0.0, max_age=DAY)
    session.receive(HELLO, 0.0)
    session.postpone(2.0)
    close = session.overdue(2.0 + POSTPONED_SECONDS)
    assert close is not None
    assert close.code == 4004


def test_credentials_end() -> None:
    session = opened(10.0, lifetime=60.0)
    assert session.deadline == 70.0
    assert session.overdue(69.0) is None
    close = session.overdue(70.0)
    assert close is not None
    assert close.code == 4001


def test_renewed_credentials_end_later() -> None:
    session = opened(10.0, lifetime=60.0)
    session.renew(50.0, 60.0)
    assert session.overdue(80.0) is None
    close = session.overdue(110.0)
    assert close is not None
    assert close.code == 4001


def test_an_old_socket_is_asked_to_reconnect() -> None:
    close = opened().overdue(DAY)
    assert close is not None
    assert close.code == 4012


@pytest.mark.parametrize("bad", [None, "{", '{"type":"ping","id":"1","x":"' + "x" * 40_000 + '"}'])
def test_ten_bad_frames_within_a_minute_are_a_violation(bad: str | None) -> None:
    session = opened()
    outcomes = [refused(session.receive(bad, float(second)))[1] for second in range(10)]
    assert outcomes[:9] == [None] * 9
    assert outcomes[9] is not None
    assert outcomes[9].code == 4002


def test_bad_frames_over_a_longer_time_are_forgiven() -> None:
    session = opened()
    for second in range(0, 700, 7):
        assert refused(session.receive("{", float(second)))[1] is None


def test_what_a_newer_client_says_is_no_bad_frame() -> None:
    session = opened()
    for number in range(30):
        assert refused(session.receive('{"type":"room.later","id":"1"}', 0.0)) == ("unknown_type", None), number
        assert refused(session.receive('{"type":"room.join","id":"1"}', 0.0)) == ("invalid", None), number


def test_the_error_names_the_command() -> None:
    outcome = opened().receive('{"type":"room.later","id":"q7"}', 0.0)
    assert isinstance(outcome, Refusal)
    assert outcome.error.re == "q7"


def test_too_many_commands_are_refused_and_a_flood_ends_the_socket() -> None:
    session = opened()
    outcomes = [
        session.receive(ping(), 0.0) for _ in range(rules.COMMANDS_BURST - 1 + rules.REFUSALS)
    ]  # hello took one
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert {outcome.error.code for outcome in refusals} == {"rate_limited"}
    assert refusals[0].error.retry_after
    close = refusals[-1].close
    assert close is not None
    assert (close.code, bool(close.retry_after)) == (4029, True)
    assert all(refusal.close is None for refusal in refusals[:-1])


def test_the_budget_of_commands_refills() -> None:
    session = opened()
    while not isinstance(session.receive(ping(), 0.0), Refusal):
        pass
    assert session.receive(ping(), 1.0) == Ping(id="1")


def test_nothing_follows_from_frames_after_the_close() -> None:
    session = opened()
    session.close()
    assert session.receive(ping(), 0.0) is None
    assert session.deadline is None
    assert session.overdue(DAY * 2) is None
    session.welcome(0.0, None)
    assert not session.is_open


@given(st.lists(st.tuples(st.sampled_from([HELLO, ping(), "{", None, "w", "p", "c"]), st.floats(0, 100))))
def test_any_sequence_keeps_the_rules(steps: list[tuple[str | None, float]]) -> None:
    session, now, greeted = Session(0.0, max_age=DAY), 0.0, False
    for step, pause in steps:
        now += pause
        if step == "w":
            session.welcome(now, 10.0) if greeted else None
        elif step == "p":
            session.postpone(now)
        elif step == "c":
            session.close()
        else:
            outcome = session.receive(step, now)
            if isinstance(outcome, tuple(COMMANDS)):
                assert greeted or isinstance(outcome, Hello)
                greeted = True
            elif isinstance(outcome, Refusal) and outcome.close:
                assert outcome.close.code in (4002, 4029)
        assert session.deadline is None or session.overdue(session.deadline) is not None
