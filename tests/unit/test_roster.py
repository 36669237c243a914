"""Who is online, by what processes wrote and when."""

from __future__ import annotations

from chatserver.realtime.presence import OFFLINE_SECONDS, Roster


def test_a_user_is_online_from_the_first_socket_until_nobody_has_had_them_for_long() -> None:
    roster = Roster()
    assert roster.arrive("ann", 100.0)
    assert not roster.arrive("ann", 101.0)
    roster.leave("ann", 200.0)
    assert "ann" in roster
    assert roster.beat({}, 209.0) == ([], [])
    assert roster.beat({}, 210.0) == ([], ["ann"])
    assert "ann" not in roster


def test_who_is_here_needs_no_word_from_elsewhere() -> None:
    roster = Roster()
    roster.arrive("ann", 0.0)
    assert roster.beat({}, 1000.0) == ([], [])
    assert "ann" in roster


def test_the_last_of_several_words_counts() -> None:
    roster = Roster()
    assert roster.find({"ann": 2.0, "old": OFFLINE_SECONDS}, 100.0) == ["ann"]
    assert roster.find({"ann": 9.0}, 101.0) == []
    assert roster.beat({}, 98.0 + OFFLINE_SECONDS - 0.1) == ([], [])
    assert roster.beat({}, 98.0 + OFFLINE_SECONDS) == ([], ["ann"])


def test_a_reload_on_another_process_is_no_absence() -> None:
    roster = Roster()
    roster.arrive("ann", 0.0)
    roster.leave("ann", 100.0)
    assert roster.beat({"ann": 1.0}, 105.0) == ([], [])
    assert roster.beat({"ann": 4.0}, 112.0) == ([], [])


def test_while_nobody_can_be_asked_all_stay_and_have_their_time_when_it_is_back() -> None:
    roster = Roster()
    roster.find({"ann": 0.0}, 100.0)
    assert roster.beat(None, 500.0) == ([], [])
    assert roster.beat({}, 505.0) == ([], [])
    assert roster.beat({"bob": 0.0}, 500.0 + OFFLINE_SECONDS) == (["bob"], ["ann"])
