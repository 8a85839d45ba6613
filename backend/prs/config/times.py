"""Reads the values that are times: when a run is due, and for how long it waits."""

from __future__ import annotations

import re
from datetime import datetime

from prs.config import values
from prs.config.calendar import Calendar, calendar, moment_of


def schedule(value: str) -> float | Calendar:
    """Read an interval, or else one of Proxmox VE's calendar events; give seconds or the event."""
    if re.fullmatch(values.NUMBER + r"\s*[a-z]*", value.lower()):
        return values.interval(value)
    return calendar(value)


def minutes(value: str) -> float:
    """Read a time from 0 to 24 hours, in minutes or with the unit m or h; give seconds."""
    found = re.fullmatch(values.NUMBER + r"\s*([a-z]*)", value.lower())
    if not found or found[2] not in ("", "m", "min", "h"):
        raise ValueError
    seconds = float(found[1]) * (3600.0 if found[2] == "h" else 60.0)
    if seconds > 86400:
        raise ValueError
    return seconds


def moment(value: str) -> float:
    """Read `YYYY-MM-DD HH:MM` in this host's time, or with a Z behind it in UTC; give Unix time, 0 for nothing."""
    if not value:
        return 0.0
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[ tT](\d\d:\d\d(?::\d\d)?)([zZ]?)", value, re.ASCII)
    if not found:
        raise ValueError
    return moment_of(datetime.fromisoformat(f"{found[1]} {found[2]}"), utc=bool(found[3]))
