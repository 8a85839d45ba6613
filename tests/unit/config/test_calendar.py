"""Calendar events as Proxmox VE reads them (the cases of pve-common's own test among them), over changes of the clock and a year."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from prs.config.calendar import calendar, moment_of

HOUR, DAY = 3600, 86_400


@pytest.fixture
def vienna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Central European time by its rule, which needs no table of zones on the machine."""
    yield from zone(monkeypatch, "CET-1CEST,M3.5.0,M10.5.0/3")


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from zone(monkeypatch, "UTC0")


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(moment: float | None) -> str:
    return "never" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%a %Y-%m-%d %H:%M %z")


def at(text: str) -> float:
    return moment_of(datetime.fromisoformat(text))


PVE = [
    ("*", [(0, 60), (30, 60), (59, 60), (60, 120)]),
    ("*/10", [(0, 600), (599, 600), (600, 1200), (50 * 60, HOUR)]),
    ("*/12:0", [(10, 43_200), (13 * HOUR, DAY)]),
    ("1/12:0/15", [(0, HOUR), (HOUR, HOUR + 900), (HOUR + 45 * 60, 13 * HOUR), (13 * HOUR + 45 * 60, 25 * HOUR)]),
    ("1,4,6", [(0, 60), (60, 240), (300, 360), (360, HOUR + 60)]),
    ("Mon", [(0, 4 * DAY), (4 * DAY, 11 * DAY)]),
    ("sat..sun", [(0, 2 * DAY), (2 * DAY, 3 * DAY), (3 * DAY, 9 * DAY)]),
    ("sun..sat", [(0, DAY)]),
    ("wed,mon..tue,fri", [(0, DAY), (DAY, 4 * DAY)]),
    ("mon */15", [(0, 4 * DAY), (4 * DAY, 4 * DAY + 900)]),
    ("22/1:0", [(0, 22 * HOUR), (22 * HOUR, 23 * HOUR)]),
    ("*/2:*", [(0, 60), (HOUR, 2 * HOUR)]),
    ("20..22:*/30", [(0, 20 * HOUR), (22 * HOUR + 1800, 44 * HOUR)]),
    ("2,4:0,1,3..5", [(0, 2 * HOUR), (2 * HOUR + 60, 2 * HOUR + 180), (2 * HOUR + 300, 4 * HOUR)]),
    ("monthly", [(0, 31 * DAY)]),
    ("quarterly", [(0, 90 * DAY)]),
    ("1970-2-3 4:5", [(0, 33 * DAY + 4 * HOUR + 300)]),
    ("2-29", [(0, 789 * DAY)]),
    ("Saturday 10:00:30", [(0, 2 * DAY + 10 * HOUR + 30)]),
]


@pytest.mark.parametrize(("text", "moments"), PVE)
def test_moments(utc: None, text: str, moments: list[tuple[int, int]]) -> None:
    assert [(moment, calendar(text).next_after(moment)) for moment, _ in moments] == moments


@pytest.mark.parametrize("text", [
    "", " ", "61", "*/61", "0..80", "Fri..Mon", "mon 0 0", "mon 0 0 0", "25:00", "2-30", "13-1", "1-2-3-4", "mo", "mon-fri", "mon..",
    "daily 2:00", "2:00 mon", "*:*:*", "5..1", "1/0", "1//2", "²:00", "1e1", "-1", "utc", "utc utc",
])  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".|^$"):
        calendar(text)


def test_what_lies_behind_never_comes_again(utc: None) -> None:
    assert calendar("2020-1-1").next_after(at("2026-01-01")) is None


def test_the_nights_in_which_clocks_change(vienna: None) -> None:
    """29 March 2026, 02:00 is 03:00; 25 October 2026, 03:00 is 02:00."""
    half_past_two = calendar("02:30")
    night = at("2026-03-28T12:00")
    first = half_past_two.next_after(night)
    assert (shown(first), shown(half_past_two.next_after(first or 0))) == ("Sun 2026-03-29 03:30 +0200", "Mon 2026-03-30 02:30 +0200")
    night = at("2026-10-24T12:00")
    first = half_past_two.next_after(night)
    assert (shown(first), shown(half_past_two.next_after(first or 0))) == ("Sun 2026-10-25 02:30 +0200", "Mon 2026-10-26 02:30 +0100")
    assert shown(calendar("mon..fri UTC").next_after(at("2026-10-25T12:00"))) == "Mon 2026-10-26 01:00 +0100"


@pytest.mark.parametrize(("text", "apart", "runs"), [("*:30", {HOUR}, 8760), ("02:30", {23 * HOUR, DAY, 25 * HOUR}, 365), ("*/6:00", {
    5 * HOUR, 6 * HOUR, 7 * HOUR}, 1460), ("sat 03:00", {7 * DAY - HOUR, 7 * DAY, 7 * DAY + HOUR}, 52)])  # fmt: skip
def test_over_a_year_none_is_left_out_and_none_comes_twice(vienna: None, text: str, apart: set[int], runs: int) -> None:
    event, moment, seen = calendar(text), at("2026-01-01") - 1, list[float]()
    while (moment := event.next_after(moment) or 0) < at("2027-01-01"):
        seen.append(moment)
    assert len(seen) == runs
    assert {round(after - before) for before, after in pairwise(seen)} <= apart


def test_it_is_the_same_whenever_it_is_asked(vienna: None) -> None:
    """Asked at any minute of the nights in which clocks change, the next moment lies ahead and is the first of all."""
    for begin in (at("2026-03-28T22:00"), at("2026-10-24T22:00")):
        for text in ("*:00/20", "02:00", "3:15", "sun 0/2:45"):
            event = calendar(text)
            moments = [event.next_after(begin + minute * 60) or 0 for minute in range(8 * 60)]
            assert moments == sorted(moments)
            assert all(moment > begin + minute * 60 for minute, moment in enumerate(moments))


def test_the_time_that_an_iso_date_names_is_utc(utc: None) -> None:
    assert at("2026-01-01") == datetime(2026, 1, 1, tzinfo=UTC).timestamp()
