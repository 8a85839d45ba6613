"""Task logs in PVE's own words: lines are kept as text, progress as the flow it is rendered from when somebody reads it."""

from __future__ import annotations

import time
from collections.abc import Callable

from simcluster.physics import Flow

Render = Callable[[Flow, float], str]
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(value: float) -> str:
    """Render bytes as PVE does, `25.7 GiB` (pve-common PVE/Format.pm render_bytes)."""
    unit = 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.1f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """Render seconds as PVE does, `1h 2m 3s` (pve-common PVE/Format.pm render_duration)."""
    left, parts = round(seconds), []
    for unit, length in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60)):
        if left >= length:
            parts.append(f"{left // length}{unit}")
            left %= length
    if left or not parts:
        parts.append(f"{left}s")
    return " ".join(parts)


def stamp(when: float) -> str:
    """Render a time as the prefix of a migration's log lines (the simulated nodes live in UTC)."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))


def disk_line(drive: str, prefix: str) -> Render:
    """Give the rendering of a mirrored disk's progress (qemu-server QemuServer/BlockJob.pm); prefix is `drive` or `mirror`."""

    def line(flow: Flow, when: float) -> str:
        now, begun = flow.at(when), flow.pieces[0].start
        moved, ready = flow.size - now.left, ", ready" if now.left <= 0 else ""
        share = 100 * moved / flow.size if flow.size else 100
        took = duration(now.start - begun)
        return f"{prefix}-{drive}: transferred {size(moved)} of {size(flow.size)} ({share:.2f}%) in {took}{ready}"

    return line


def memory_line(configured: int, dirty: float) -> Render:
    """Give the rendering of the memory copy's progress (qemu-server QemuMigrate.pm); sizes in bytes, dirty in bytes per second."""

    def line(flow: Flow, when: float) -> str:
        now = flow.at(when)
        much = f", VM dirties lots of memory: {size(dirty)}/s" if dirty > now.speed else ""
        done = f"migration active, transferred {size(now.sent)} of {size(configured)} VM-state, {size(now.speed)}/s{much}"
        return f"{stamp(when)} {done}"

    return line


def copy_line(flow: Flow, when: float) -> str:
    """Render an offline copy's progress, dd style (pve-storage PVE/Storage.pm storage_migrate)."""
    now = flow.at(when)
    moved = flow.size - now.left
    took = now.start - flow.pieces[0].start
    speed = f"{moved / took / 1e6:.1f} MB/s" if took else "0.0 kB/s"
    return f"{stamp(when)} {moved:.0f} bytes ({moved / 1e9:.1f} GB, {moved / 2**30:.1f} GiB) copied, {took:.0f} s, {speed}"


def zfs_size(value: float) -> str:
    """Render bytes as `zfs send -v` does, `1.02G`."""
    unit = 0
    while value >= 1024 and unit < 5:
        value /= 1024
        unit += 1
    return f"{value:.3g}{'BKMGTP'[unit]}"


def zfs_line(snapshot: str) -> Render:
    """Give the rendering of an offline copy between zfspool storages, as `zfs send -v` writes it."""

    def line(flow: Flow, when: float) -> str:
        moved = zfs_size(flow.size - flow.at(when).left)
        return f"{stamp(when)} {time.strftime('%H:%M:%S', time.gmtime(when))}   {moved:>5}   {snapshot}"

    return line


class Log:
    """A task's log."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._open: list[str | tuple[Flow, Render, float]] = []
        self._past: list[str] = []  # of the first open flow: what has been rendered and cannot change any more

    def add(self, line: str) -> None:
        """Append a line."""
        self._open.append(line)

    def follow(self, flow: Flow, render: Render, every: float = 1.0) -> None:
        """Append a line per `every` seconds of the flow, and one when it ends."""
        self._open.append((flow, render, every))

    def lines(self, now: float) -> list[str]:
        """Give all lines written by `now`."""
        while self._open:
            entry = self._open[0]
            if isinstance(entry, str):
                self._done.append(entry)
            elif entry[0].ended is not None:
                self._done += self._progress(*entry, entry[0].ended)
                self._past = []
            else:
                return self._done + self._progress(*entry, now)
            self._open.pop(0)
        return self._done

    def _progress(self, flow: Flow, render: Render, every: float, now: float) -> list[str]:
        begun = flow.pieces[0].start
        while (when := begun + every * (len(self._past) + 1)) < now:
            self._past.append(render(flow, when))
        lines = [*self._past, render(flow, when)] if when == now else list(self._past)
        if flow.ended is not None and flow.ended <= now and (flow.ended - begun) % every:
            lines.append(render(flow, flow.ended))
        return lines
