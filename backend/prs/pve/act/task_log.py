"""How far a migration is, from the lines of its task log (qemu-server QemuMigrate.pm, QemuServer/BlockJob.pm; pve-storage Storage.pm).

Pure: reading a line twice changes nothing, so a log may be read in pieces that overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_SIZE = r"([\d.]+) ([KMGTP]?i?B)"
_DISK = re.compile(rf"(?:mirror|drive)-(\w+): transferred {_SIZE} of {_SIZE} \([\d.]+%\) in ((?:\d+[wdhms] ?)+)")
_RAM = re.compile(rf"migration \w+, transferred {_SIZE} of {_SIZE} VM-state, {_SIZE}/s")
_COPY = re.compile(r"(\d+) bytes \([^)]*\) copied, ([\d.]+) s, ([\d.]+) ([kMGT]?B)/s")
_SEND_TOTAL = re.compile(r"total estimated size is ([\d.]+)([BKMGTP]?)")
_SEND = re.compile(r"^(?:\S+ \S+ )?\d\d:\d\d:\d\d +([\d.]+)([BKMGTP]?) +\S+")
_END = re.compile(r"migration (?:status: completed|finished successfully)")

_UNITS: dict[str, float] = {unit + tail: 1024.0**power for power, unit in enumerate(("", "K", "M", "G", "T", "P")) for tail in ("", "iB")}
_UNITS |= {"B": 1.0} | {unit + "B": 1000.0**power for power, unit in enumerate(("", "k", "M", "G", "T", "P"))}
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Copy:
    """A disk being copied: bytes done and in all (0 = not told)."""

    name: str
    done: float
    total: float


@dataclass(frozen=True, slots=True)
class Log:
    """What the lines read so far say. `number` is the last line's number, `offline` the disks copied while not in use, in turn."""

    number: int = 0
    mirrors: tuple[Copy, ...] = ()
    offline: tuple[Copy, ...] = ()
    memory: float = 0.0
    memory_total: float = 0.0
    speed: float = 0.0  # bytes per second of what is being copied now
    finished: bool = False
    line: str = ""  # the last line that is not empty


def read(lines: Iterable[tuple[int, str]], log: Log | None = None) -> Log:
    """Take in numbered lines; those up to the last one known are skipped, that one itself is read again (it may have grown)."""
    found = log or Log()
    for number, text in lines:
        if number >= found.number:
            # Storage tools before pve-storage 9.1.7 redraw one line with carriage returns.
            for part in filter(str.strip, text.split("\r")):
                found = _line(replace(found, number=number, line=part.strip()), number)
    return found


def _line(log: Log, number: int) -> Log:
    text = log.line
    if match := _DISK.search(text):
        done, total = _bytes(match[2], match[3]), _bytes(match[4], match[5])
        took = sum(int(part[:-1]) * _SECONDS[part[-1]] for part in match[6].split())
        others = tuple(disk for disk in log.mirrors if disk.name != match[1])
        return replace(log, mirrors=(*others, Copy(match[1], done, total)), speed=done / took if took else log.speed)
    if match := _RAM.search(text):
        done, total = _bytes(match[1], match[2]), _bytes(match[3], match[4])
        return replace(log, memory=done, memory_total=total, speed=_bytes(match[5], match[6]))
    if match := _COPY.search(text):
        done, seconds = float(match[1]), float(match[2])
        return replace(_copied(log, done, number), speed=done / seconds if seconds else _bytes(match[3], match[4]))
    if match := _SEND_TOTAL.search(text):
        return replace(log, offline=_began(log.offline, Copy(f"line {number}", 0.0, _bytes(match[1], match[2]))))
    if match := _SEND.search(text):
        return _copied(log, _bytes(match[1], match[2]), number)
    return replace(log, finished=True) if _END.search(text) else log


def _began(offline: tuple[Copy, ...], copy: Copy) -> tuple[Copy, ...]:
    return offline if any(one.name == copy.name for one in offline) else (*offline, copy)


def _copied(log: Log, done: float, number: int) -> Log:
    """Count for the copy under way; a smaller figure than before means that the next volume has begun."""
    last = log.offline[-1] if log.offline else None
    if last is None or done < last.done:
        return replace(log, offline=_began(log.offline, Copy(f"line {number}", done, 0.0)))
    return replace(log, offline=(*log.offline[:-1], replace(last, done=done)))


def size_in_bytes(words: str) -> float:
    """Bytes of a size as PVE writes it, such as 1.5 GiB."""
    value, unit = words.split(" ")
    return _bytes(value, unit)


def _bytes(value: str, unit: str) -> float:
    return float(value) * _UNITS[unit]


@dataclass(frozen=True, slots=True)
class Amount:
    """Bytes done and in all, bytes per second, and seconds left (None = unknown)."""

    done: int
    total: int
    speed: float
    seconds_left: float | None


def amount(log: Log, memory: int, disk: int) -> Amount:
    """Progress as bytes of memory and disks together; `memory` and `disk` are what the plan expects to travel.

    PVE's own "of" is the configured memory, of which untouched pages do not travel, and pages that change travel again: so the
    memory's share is held to what is in use. The total never shrinks under what the log shows.
    """
    copies = log.mirrors + log.offline
    disks_total = max(float(disk), sum(max(copy.total, copy.done) for copy in copies))
    memory_total = float(memory) or log.memory_total
    done = min(sum(copy.done for copy in copies), disks_total) + min(log.memory, memory_total)
    total = disks_total + memory_total
    if log.finished:
        return Amount(int(total), int(total), 0.0, 0.0)
    left = (total - done) / log.speed if log.speed > 0 and total > done else None
    return Amount(int(done), int(total), log.speed, left)
