"""Quiet windows: which minutes of the week they cover, and when they end, also where clocks change."""

from __future__ import annotations

import pytest

from prs.config.windows import open_until, windows
from unit.config.test_calendar import at, shown, vienna

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
    ("sun 1:00-2:30", "2026-03-29T01:30", "Sun 2026-03-29 03:30 +0200"),
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
