"""Quiet windows: which minutes of the week they cover, and when they end, also where clocks change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from prs.config.windows import open_until, windows
from unit.config.test_calendar import HOUR, at, shown, vienna

__all__ = ["vienna"]


@pytest.mark.parametrize(("text", "now", "end"), [
    ("mon..fri 08:00-18:00", "2026-11-27T08:00", "Fri 2026-11-27 18:00 +0100"),
    ("mon..fri 08:00-18:00", "2026-11-27T18:00", ""),
    ("mon..fri 08:00-18:00", "2026-11-28T09:00", ""),
    ("22:00-06:00", "2026-11-28T23:00", "Sun 2026-11-29 06:00 +0100"),
    ("22:00-06:00", "2026-11-28T05:59", "Sat 2026-11-28 06:00 +0100"),
    ("fri 22:00-6", "2026-11-28T05:59", "Sat 2026-11-28 06:00 +0100"),
    ("fri 22:00-6:00", "2026-11-29T05:59", ""),
    ("sat,sun", "2026-11-28T12:00", "Mon 2026-11-30 00:00 +0100"),
    ("fri 18:00-24:00; sat..sun; mon 0:00-7:30", "2026-11-27T20:00", "Mon 2026-11-30 07:30 +0100"),
    ("sun 1:00-2:30", "2026-03-29T01:30", "Sun 2026-03-29 03:00 +0200"),  # 02:30 is left out, and 03:00 is no time of it
    ("sun 1:00-2:30; sun 3:00-4:00", "2026-03-29T01:30", "Sun 2026-03-29 04:00 +0200"),
    ("sun 2:30-3:00", "2026-10-25T02:45", "Sun 2026-10-25 02:00 +0100"),
    ("sun 1:00-4:00", "2026-10-25T01:30", "Sun 2026-10-25 04:00 +0100"),
])  # fmt: skip
def test_when_they_end(vienna: None, text: str, now: str, end: str) -> None:
    found = open_until(windows(text), at(now))
    assert (shown(found) if found else "") == end


def test_the_hour_that_comes_twice(vienna: None) -> None:
    """The window is open whenever the clock shows a time of it; its end lies ahead."""
    found = windows("2:15-2:45")
    first = at("2026-10-25T02:30")
    assert (open_until(found, first) - first, open_until(found, first + 3600) - first) == (900, 3600 + 900)
    assert open_until(found, first + 1800) == 0


@pytest.mark.parametrize("text", [
    "8-18-20", "mon..fri 08:00", "25:00-26:00", "8:60-9:00", "08:00-08:00", "mon..sun", "0:00-12:00; 12:00-0:00", "xyz",
    "mon 8:00-9:00, tue 8:00-9:00",
])  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        windows(text)


def test_none_at_all() -> None:
    assert windows("") == windows(" ; ") == ()
    assert open_until((), 0.0) == 0


SUMMER, WINTER = datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp(), datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def minute_of_week(moment: float) -> int:
    """What Vienna's clock shows, by the rule of its summer time and nothing of the machine's."""
    shows = datetime(1970, 1, 1) + timedelta(seconds=moment + (2 * HOUR if SUMMER <= moment < WINTER else HOUR))
    return shows.weekday() * 1440 + shows.hour * 60 + shows.minute


def covered(text: str) -> set[int]:
    """The minutes of the week in the windows, counted out one by one; those of the test alone, of one weekday each."""
    found = set[int]()
    for day, begin, end in re.findall(r"(\w+) ([\d:]+)-([\d:]+)", text):
        first, last = (int(hour) * 60 + int(minute) for hour, minute in (begin.split(":"), end.split(":")))
        for minute in range(first, last + (1440 if last < first else 0)):
            found.add((DAYS.index(day) * 1440 + minute) % 10_080)
    return found


@pytest.mark.parametrize("text", [
    "; ".join(f"{day} 08:00-18:00" for day in DAYS[:5]),
    "; ".join(f"{day} 22:00-06:00" for day in DAYS),
    "; ".join(f"{day} 01:30-02:30" for day in DAYS),
    "; ".join(f"{day} 02:15-02:45; {day} 02:45-03:10" for day in DAYS),
    "sat 00:00-24:00; sun 00:00-02:20; sun 03:00-24:00",
    "sat 23:00-02:59; sun 02:59-03:01",
])  # fmt: skip
def test_over_a_year_they_are_open_when_the_clock_says_so_and_end_when_it_ends(vienna: None, text: str) -> None:
    """Every 97 minutes of 2026, and at every minute of the two nights in which clocks change."""
    found, inside = windows(text), covered(text)
    year = [at("2026-01-01") + minute * 60 for minute in range(0, 365 * 1440, 97)]
    nights = [night - 4 * HOUR + minute * 60 for night in (SUMMER, WINTER) for minute in range(8 * 60)]
    for moment in year + nights:
        end = open_until(found, moment)
        assert (end > 0) == (minute_of_week(moment) in inside), shown(moment)
        if end:
            assert end > moment
            assert minute_of_week(end) not in inside, (shown(moment), shown(end))
    for moment in nights:
        end = open_until(found, moment)
        assert all(minute_of_week(between) in inside for between in range(int(moment), int(end), 60)), (shown(moment), shown(end))


def test_a_moment_within_a_second_counts_as_its_beginning(vienna: None) -> None:
    assert open_until(windows("08:00-18:00"), at("2026-11-27T17:59") + 59.999) == at("2026-11-27T18:00")
    assert open_until(windows("08:00-18:00"), at("2026-11-27T18:00") + 0.001) == 0
