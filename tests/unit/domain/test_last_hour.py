"""The chart of the last hour: the most calls of each minute, sixty minutes, no more."""

from __future__ import annotations

from asterisk_ext.domain.last_hour import LastHour


def test_a_minute_shows_the_most_calls_seen_at_once_in_it() -> None:
    hour = LastHour()
    for second, calls in ((0, 3), (20, 7), (59, 2), (60, 4)):
        hour.note(calls, 600.0 + second)
    assert hour.minutes(665.0) == [{"at": 600.0, "calls": 7}, {"at": 660.0, "calls": 4}]


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    hour = LastHour()
    for minute in range(90):
        hour.note(minute, 60.0 * minute)
    shown = hour.minutes(60.0 * 89 + 30)
    assert (len(shown), shown[0]["calls"], shown[-1]["calls"]) == (60, 30, 89)
    assert hour.minutes(60.0 * 200) == []


def test_a_minute_in_which_nobody_looked_is_left_out() -> None:
    hour = LastHour()
    hour.note(5, 0.0)
    hour.note(6, 600.0)
    assert [minute["at"] for minute in hour.minutes(600.0)] == [0.0, 600.0]
