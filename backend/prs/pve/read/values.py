"""PVE's loosely typed JSON made strict: numbers may arrive as strings, absent keys mean unknown and not zero."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def rows(data: Any) -> list[Row]:
    """The objects in a list answer; anything else in it, or another shape, gives nothing."""
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def table(data: Any) -> Row:
    """An object answer, or an empty one."""
    return data if isinstance(data, dict) else {}


MOST = 2.0**60  # larger than any figure of PVE: bytes, seconds, numbers of things


def number(row: Row, key: str) -> float | None:
    """A number or numeric string under `key`; None if it is absent or no figure of PVE (negative, endless, beyond MOST)."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) and 0 <= result <= MOST else None


def whole(row: Row, key: str) -> int:
    """The number under `key` without its fraction; 0 if there is none."""
    return int(number(row, key) or 0)


def text(row: Row, key: str) -> str:
    """The value under `key` as text; "" if there is none, or if it is a list or an object."""
    value = row.get(key)
    if value is None or isinstance(value, dict | list):
        return ""
    # Half of a surrogate pair is no character: neither a terminal nor SQLite could take it.
    return str(value).encode("utf-8", "replace").decode()


DIGITS = 9  # of the longest number that PVE's names and lists hold: VMIDs have at most nine


def digits(value: str) -> int | None:
    """The whole number that the text is, as VMIDs, node ids and priorities are; None for any other text."""
    return int(value) if value.isdecimal() and len(value) <= DIGITS else None


def flag(row: Row, key: str, default: bool = False) -> bool:
    """PVE's boolean under `key`: 1, "1", true."""
    value = row.get(key)
    return default if value is None else str(value).lower() in ("1", "true", "yes", "on")


def texts(row: Row, key: str) -> list[str]:
    """The texts and numbers of the list under `key`, as text; none if there is no list."""
    value = row.get(key)
    return [text({"": item}, "") for item in value if isinstance(item, str | int)] if isinstance(value, list) else []


def words(value: str) -> tuple[str, ...]:
    """The parts of a list that PVE separates by comma, semicolon or space."""
    return tuple(part for part in re.split(r"[,;\s]+", value) if part)


def properties(value: Any) -> Row:
    """A property string ("ha=static,foo=1") or its parsed form as an object."""
    if isinstance(value, dict):
        return value
    return dict(part.split("=", 1) for part in str(value or "").split(",") if "=" in part)
