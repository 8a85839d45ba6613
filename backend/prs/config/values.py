"""Reads one value of prs.conf: each function turns its text into a value or raises ValueError, whose text (if any) is a hint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prs.model import RESOURCES, Resource
from prs.similar import similar

GIB = 2**30
_SIZES = {"": GIB, "g": GIB, "gb": GIB, "gib": GIB, "m": 2**20, "mb": 2**20, "mib": 2**20, "t": 2**40, "tb": 2**40, "tib": 2**40}
_SECONDS = {"": 3600.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MOST_WEIGHT = 100.0
NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_NODE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PATTERN = re.compile(r"!?[A-Za-z0-9._*?-]{1,253}")
POOL_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}")  # pve-access-control PVE/AccessControl.pm, pve-poolid


def text(value: str) -> str:
    """Take the value as it is."""
    return value


def switch(value: str) -> bool:
    """Read 1 or 0, also yes/no, true/false, on/off."""
    if value.lower() in ("1", "yes", "true", "on"):
        return True
    if value.lower() in ("0", "no", "false", "off"):
        return False
    raise ValueError


def choice(*allowed: str) -> Callable[[str], str]:
    """Make a reader of one of the given lower-case words, in any case."""

    def read(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError(similar(value.lower(), allowed))
        return value.lower()

    return read


def number(low: float, high: float, factor: float = 1.0, unit: str = "") -> Callable[[str], float]:
    """Make a reader of a plain number from low to high, with an optional unit sign after it, that gives the number times factor."""

    def read(value: str) -> float:
        found = re.fullmatch(NUMBER + r"\s*" + (f"(?:{re.escape(unit)})?" if unit else ""), value)
        if not found or not low <= float(found[1]) <= high:
            raise ValueError
        return float(found[1]) * factor

    return read


def count(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of a whole number from low to high."""

    def read(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return read


def limit(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    """Make a reader for which an empty value means no limit (None)."""

    def read(value: str) -> Any:
        return reader(value) if value else None

    return read


def interval(value: str) -> float:
    """Read a time from 1 minute to 366 days, in hours or with the unit m, h or d; give seconds."""
    found = re.fullmatch(NUMBER + r"\s*([a-z]*)", value.lower())
    if not found or found[2] not in _SECONDS:
        raise ValueError
    seconds = float(found[1]) * _SECONDS[found[2]]
    if not 60 <= seconds <= 366 * 86400:
        raise ValueError
    return seconds


def size(value: str) -> int:
    """Read a size in GiB or with the unit MiB, GiB or TiB (a letter is enough, all are powers of 1024); give bytes."""
    found = re.fullmatch(NUMBER + r"\s*([a-z]*)", value.lower())
    if not found or found[2] not in _SIZES or float(found[1]) * _SIZES[found[2]] > 2**60:
        raise ValueError
    return round(float(found[1]) * _SIZES[found[2]])


def gib(value: str) -> int:
    """Read a size of at least 1 MiB as `size` does; give bytes."""
    if (found := size(value)) < 2**20:
        raise ValueError
    return found


def items(reader: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Make a reader of a comma list (empty is allowed), each item read by `reader`, repeated ones once, in the order written."""

    def read(value: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(reader(item.strip()) for item in value.split(",") if item.strip()))

    return read


def some(reader: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Make a reader as `items` does, for a list that may not be empty."""

    def read(value: str) -> tuple[str, ...]:
        if not (found := items(reader)(value)):
            raise ValueError
        return found

    return read


def node_name(value: str) -> str:
    """Read the name of a cluster node (pve-common PVE/JSONSchema.pm, format pve-node)."""
    if not _NODE_NAME.fullmatch(value):
        raise ValueError(f"{value!r:.60} is no node name")
    return value


def storage_name(value: str) -> str:
    """Read the name of a storage (pve-common PVE/JSONSchema.pm, pve-storage-id), or the word any."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]", value):
        raise ValueError(f"'{value}' is no name of a storage")
    return value


def pool_name(value: str) -> str:
    """Read the name of a pool, with those it lies in: a/b/c."""
    if not POOL_NAME.fullmatch(value):
        raise ValueError
    return value


def node_size(value: str) -> tuple[int, float]:
    """Read the size of a node, its memory and its threads (64GiB/32); give bytes and threads."""
    memory, _, threads = value.partition("/")
    return gib(memory.strip()), float(count(1, 8192)(threads.strip()))


def thresholds(value: str) -> tuple[tuple[Resource, float], ...]:
    """Read percentages by resource (memory 80, cpu 90), or one for all of them; give fractions, in the order of the resources."""
    found = dict[str, float]()
    for part in filter(None, (part.strip() for part in value.split(","))):
        words = re.fullmatch(r"(?:([a-z]+)\s*:?\s*)?([\d.]+)\s*%?", part.lower())
        if not words or (words[1] or "memory") not in RESOURCES:
            raise ValueError(f"{part!r:.60} is no percentage of memory, cpu or disk")
        share = number(0, 100, 0.01, "%")(words[2])
        found.update({words[1]: share} if words[1] else dict.fromkeys(RESOURCES, share))
    return tuple((resource, found[resource]) for resource in RESOURCES if resource in found)


def weights(value: str) -> tuple[tuple[Resource, float], ...]:
    """Read weights by resource (memory 1, cpu 0.5), in the order of the resources; those not named weigh 1, and are left out."""
    found = dict[str, float]()
    for part in filter(None, (part.strip() for part in value.split(","))):
        words = re.fullmatch(r"([a-z]+)\s*[:=]?\s*([\d.]+)", part.lower())
        if not words or words[1] not in RESOURCES:
            raise ValueError(f"{part!r:.60} is no weight of memory, cpu or disk")
        if words[1] in found:
            raise ValueError(f"{words[1]} is weighed twice")
        try:
            found[words[1]] = number(0, MOST_WEIGHT)(words[2])
        except ValueError:
            raise ValueError(f"{part!r:.60} is not from 0 to {MOST_WEIGHT:g}") from None
    if found and not any(found.get(resource, 1.0) for resource in RESOURCES):
        raise ValueError("nothing has a weight above 0")
    return tuple((resource, found[resource]) for resource in RESOURCES if found.get(resource, 1.0) != 1.0)


def node_pattern(value: str) -> str:
    """Read the name of a node; `*` and `?` stand for any characters and any one character, `!` before it excepts it."""
    if not _PATTERN.fullmatch(value):
        raise ValueError(f"{value!r:.60} is no node name")
    return value


def guest_pattern(value: str) -> str:
    """Read the name or VMID of a guest, or a range of VMIDs as 100-199; `*`, `?` and `!` as in names of nodes."""
    span = re.fullmatch(r"(!?)\s*(\d{1,9})\s*-\s*(\d{1,9})", value)
    if span and int(span[2]) > int(span[3]):
        raise ValueError(f"{value!r:.60} ends before it begins")
    if span:
        return f"{span[1]}{span[2]}-{span[3]}"
    if not _PATTERN.fullmatch(value):
        raise ValueError(f"{value!r:.60} is neither a guest name nor a VMID")
    return value


def but(reader: Callable[[str], tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """Make a reader of a list in which `!` marks exceptions to the others, so that there has to be one without it."""

    def read(value: str) -> tuple[str, ...]:
        found = reader(value)
        if found and all(word.startswith("!") for word in found):
            raise ValueError(f"'!' excepts from the others, and there are none: write *, {found[0]} for all but that one")
        return found

    return read


def readable_file(value: str) -> str:
    """Read the absolute path of a file that can be read, or nothing."""
    if value and not (os.path.isabs(value) and os.path.isfile(value)):
        raise ValueError("there is no such file")
    if value and not os.access(value, os.R_OK):
        raise ValueError("this user may not read that file")
    return value


def directory(value: str) -> Path:
    """Read an absolute path; the directory need not exist yet."""
    if not os.path.isabs(value):
        raise ValueError
    return Path(value)
