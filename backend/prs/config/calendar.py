"""Proxmox VE's calendar events: moments by weekday, date and time of day, in this host's local time as pvescheduler counts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALL_DAYS = frozenset(range(7))
FAR = 366 * 41  # days to look ahead: a 29 February of a certain weekday comes within 40 years
_LAST_YEAR = 2199
_SPECIAL = {
    "minutely": "*:*", "hourly": "*:00", "daily": "00:00", "weekly": "mon 00:00", "monthly": "*-1 00:00",
    "yearly": "1-1 00:00", "annually": "1-1 00:00", "quarterly": "1,4,7,10-1 00:00",
    "semiannually": "1,7-1 00:00", "semi-annually": "1,7-1 00:00",
}  # fmt: skip
_DAYS = re.compile(r"[a-z]+(?:\.\.[a-z]+)?(?:,[a-z]+(?:\.\.[a-z]+)?)*")


@dataclass(frozen=True, slots=True)
class Calendar:
    """An event as it is written (`text`), and the numbers that it allows; weekdays count from Monday as 0."""

    text: str
    weekdays: frozenset[int]
    years: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    second: int = 0
    utc: bool = False

    def next_after(self, moment: float) -> float | None:
        """The first time of the event after Unix time `moment`; None if there is none within 40 years.

        Where clocks go back, an event of certain hours comes once, one of every hour in each hour; a time that clocks going forward leave
        out counts as the same time by the old clock (02:30 as 03:30).
        """
        first = _read_clock(moment, self.utc).date()
        for number in range(FAR):
            day = first + timedelta(days=number)
            if self._on(day) and (found := [at for at in self._times(day) if at > moment]):
                return min(found)
        return None

    def _on(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.weekday() in self.weekdays and day.year in self.years

    def _times(self, day: date) -> Iterator[float]:
        each_hour = len(self.hours) == 24
        for hour in self.hours:
            for minute in self.minutes:
                at = datetime.combine(day, clock(hour, minute, self.second))
                yield moment_of(at, utc=self.utc)
                if each_hour:
                    yield moment_of(at, again=True, utc=self.utc)


def moment_of(at: datetime, again: bool = False, utc: bool = False) -> float:
    """The Unix time at which this host's clock shows `at`; with `again` the second time where clocks go back."""
    return at.replace(tzinfo=UTC if utc else None, fold=int(again)).timestamp()


def _read_clock(moment: float, utc: bool = False) -> datetime:
    return datetime.fromtimestamp(moment, UTC if utc else None).replace(tzinfo=None)


def local_time(moment: float) -> datetime:
    """What this host's clock shows at a Unix time."""
    return _read_clock(moment)


def calendar(text: str) -> Calendar:
    """Read an event: `[WEEKDAYS] [[YEARS-]MONTHS-DAYS] [HOURS:]MINUTES`, or a word such as daily; ValueError with a hint.

    As proxmox-time reads it (proxmox-time/src/calendar_event.rs), but for events that come more than once a minute.
    """
    words = _SPECIAL.get(text.strip().lower(), text.strip().lower()).split()
    utc = len(words) > 1 and words[-1] == "utc"
    parts = words[:-1] if utc else words
    weekdays, rest = (weekdays_of(parts[0]), parts[1:]) if parts and parts[0][0].isalpha() else (ALL_DAYS, parts)
    dated, rest = (rest[0], rest[1:]) if rest and "-" in rest[0] else ("", rest)
    if len(rest) > 1 or not parts:
        raise ValueError(f"'{' '.join(rest[1:])[:40]}' is too much" if parts else "nothing is written")
    years, months, days = _date(dated)
    hours, minutes, second = _time(rest[0] if rest else "0:0")
    event = Calendar(text.strip(), weekdays, years, months, days, hours, minutes, second, utc)
    if not any(_there_is(month, day) for month in months for day in days):
        raise ValueError("no month has such a day")
    return event


def _there_is(month: int, day: int) -> bool:
    return day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)


def weekdays_of(text: str) -> frozenset[int]:
    """Read `mon,wed..fri`; give numbers from Monday as 0; ValueError."""
    if not _DAYS.fullmatch(text):
        raise ValueError(f"'{text[:40]}' is no list of weekdays such as mon..fri,sun")
    found = set[int]()
    for part in text.split(","):
        first, dots, last = part.partition("..")
        begin, end = _weekday(first), _weekday(last or first)
        begin -= 7 if dots and begin == 6 and end != 6 else 0  # a week may also begin with Sunday
        if begin > end:
            raise ValueError(f"'{part}' ends before it begins")
        found |= {day % 7 for day in range(begin, end + 1)}
    return frozenset(found)


def _weekday(word: str) -> int:
    for number, name in enumerate(WEEKDAYS):
        if word in (name, name[:3]):
            return number
    raise ValueError(f"'{word[:40]}' is no weekday: mon, tue, wed, thu, fri, sat or sun")


def _date(text: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    parts = text.split("-") if text else ["*", "*", "*"]
    if len(parts) not in (2, 3):
        raise ValueError(f"'{text[:40]}' is no date: MONTHS-DAYS or YEARS-MONTHS-DAYS")
    years, months, days = parts if len(parts) == 3 else ["*", *parts]
    return frozenset(_numbers(years, 1970, _LAST_YEAR)), frozenset(_numbers(months, 1, 12)), frozenset(_numbers(days, 1, 31))


def _time(text: str) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    parts = text.split(":")
    if len(parts) > 3:
        raise ValueError(f"'{text[:40]}' is no time: HOURS:MINUTES")
    hours, minutes = ("*", parts[0]) if len(parts) == 1 else parts[:2]
    seconds = _numbers(parts[2], 0, 59) if len(parts) == 3 else (0,)
    if len(seconds) > 1:
        raise ValueError("once a minute is the most")
    return _numbers(hours, 0, 23), _numbers(minutes, 0, 59), seconds[0]


def _numbers(text: str, low: int, high: int) -> tuple[int, ...]:
    """Read a comma list of `*`, N, N..M and each of them with /STEP."""
    found = set[int]()
    for part in text.split(","):
        form = re.fullmatch(r"(?:(\*)|(\d{1,4})(?:\.\.(\d{1,4}))?)(?:/(\d{1,4}))?", part, re.ASCII)
        if not form:
            raise ValueError(f"'{part[:40]}' is no number, range (1..5) or repetition (0/15)")
        begin = int(form[2]) if form[2] else low
        end = int(form[3]) if form[3] else high if form[1] or form[4] else begin
        step = int(form[4] or 1)
        if not low <= begin <= end <= high or not 1 <= step <= high:
            raise ValueError(f"'{part[:40]}' is not within {low} to {high}")
        found.update(range(begin, end + 1, step))
    return tuple(sorted(found))
