"""Windows of the week in this host's local time, as Proxmox Backup Server writes them: mon..fri 08:00-18:00."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from prs.config.calendar import ALL_DAYS, local_time, weekdays_of

DAY = 24 * 60  # minutes
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """A span, `begin` to `end` in minutes of a day, that begins on these weekdays (Monday is 0); with `end` before `begin` over night."""

    weekdays: frozenset[int]
    begin: int
    end: int

    def end_at(self, at: datetime) -> datetime | None:
        """When the window ends that is open while a clock shows `at`; None while it is closed."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        length = self.end - self.begin if self.end > self.begin else self.end - self.begin + DAY
        for day in (midnight, midnight - timedelta(days=1)):
            begin = day + timedelta(minutes=self.begin)
            if day.weekday() in self.weekdays and begin <= at < begin + timedelta(minutes=length):
                return begin + timedelta(minutes=length)
        return None


def windows(text: str) -> tuple[Window, ...]:
    """Read windows with `;` between them, each `[WEEKDAYS] HH:MM-HH:MM` or WEEKDAYS for whole days; ValueError with a hint."""
    found = tuple(_window(part.strip().lower()) for part in text.split(";") if part.strip())
    if len(found) > 50:
        raise ValueError("50 windows are the most")
    ends = [day * DAY + one.end + (0 if one.end > one.begin else DAY) for one in found for day in one.weekdays]
    if found and all(_quiet(found, minute) for minute in ends):
        raise ValueError("no minute of the week is left")
    return found


def _window(text: str) -> Window:
    days, _, span = text.partition(" ") if text[0].isalpha() else ("", "", text)
    weekdays = weekdays_of(days) if days else ALL_DAYS
    if not span:
        return Window(weekdays, 0, DAY)
    form = _TIME.fullmatch(span.replace(" ", ""))
    if not form:
        raise ValueError(f"'{text[:40]}' is no window such as mon..fri 08:00-18:00")
    begin, end = int(form[1]) * 60 + int(form[2] or 0), int(form[3]) * 60 + int(form[4] or 0)
    if int(form[2] or 0) > 59 or int(form[4] or 0) > 59 or begin >= DAY or end > DAY or begin == end:
        raise ValueError(f"'{span[:40]}' is no span of a day")
    return Window(weekdays, begin, end)


def _quiet(found: tuple[Window, ...], minute: int) -> bool:
    monday = datetime(2026, 1, 5)  # any week that begins with a Monday
    return any(one.end_at(monday + timedelta(minutes=minute)) for one in found)


def open_until(found: tuple[Window, ...], moment: float) -> float:
    """The Unix time at which the last of the windows ends that are open at `moment` or follow without a gap; 0 when none is open.

    A window is open whenever the clock shows a time of it: where clocks change, it may end early, and come a second time.
    """
    now, reached = float(floor(moment)), 0.0
    for _ in range(8 * len(found) + 4):
        at = local_time(now)
        ends = [end for one in found if (end := one.end_at(at))]
        if not ends:
            break
        now = reached = _unless_the_clock_changes(now, now + (max(ends) - at).total_seconds())
    return reached


def _unless_the_clock_changes(begin: float, end: float) -> float:
    """`end`, or the first second after `begin` at which this host's clock is another one, if that is before."""
    here = _ahead(begin)
    if _ahead(end) == here:
        return end
    low, high = begin, end
    while high - low > 1:
        middle = float(floor((low + high) / 2))
        low, high = (middle, high) if _ahead(middle) == here else (low, middle)
    return high


def _ahead(moment: float) -> int:
    """Seconds that local time is ahead of UTC."""
    return time.localtime(moment).tm_gmtoff
