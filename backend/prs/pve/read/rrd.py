"""Means over PVE's history (rrddata), whose rows lack a key where there was no sample (pve-cluster PVE/RRD.pm)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prs.pve.read.resources import Sample
from prs.pve.read.values import Row, number

STEP = 60.0  # seconds one row of the last hour stands for
REPORT = 15.0  # seconds until a change shows in a node's reports
LATE = 150.0  # seconds a row may come late; figures that are further off than that mean that a clock is wrong
STALE = 300.0  # seconds without a row after which figures are not used
ENOUGH = 3  # rows a guest's mean needs

# OpenZFS does not shrink the ARC below the larger of 1/32 of memory and 32 MiB (default of zfs_arc_min; openzfs/zfs pull request 6659).
ARC_SHARE, ARC_LEAST = 32, 32 * 2**20


@dataclass(frozen=True, slots=True)
class GuestMean:
    """A guest's mean use: bytes and cores."""

    memory: int
    cpu: float


def newest(rows: Iterable[Row]) -> float:
    """The time of the newest row that has a memory and a cpu sample; 0 if there is none."""
    return max((number(row, "time") or 0.0 for row in rows if _complete(row)), default=0.0)


def node_mean(rows: Iterable[Row], since: float) -> Sample | None:
    """A node's mean use over the rows that lie wholly after `since`, each without its reclaimable cache; None without such a row."""
    # pvestatd reports every 10 s: a row may still hold a report from before the change.
    chosen = [row for row in rows if (number(row, "time") or 0.0) >= since + STEP + REPORT and _complete(row)]
    if not chosen:
        return None
    memory = sum(max((number(row, "memused") or 0.0) - reclaimable([row]), 0.0) for row in chosen) / len(chosen)
    cpu = sum((number(row, "cpu") or 0.0) * (number(row, "maxcpu") or 0.0) for row in chosen) / len(chosen)
    return Sample(memory, cpu)


def pressure(rows: Iterable[Row], since: float, kind: str) -> float | None:
    """The mean share (0..1) of the time after `since` that some task of the node waited for `kind` (cpu, memory, io); None if not told.

    PVE 9 keeps the kernel's avg10 in percent (pve-manager PVE/Service/pvestatd.pm, pve-cluster PVE/RRD.pm); PVE 8 keeps none.
    """
    told = [(number(row, "time") or 0.0, share) for row in rows if (share := number(row, f"pressure{kind}some")) is not None]
    shares = [share for time, share in told if time >= since + STEP + REPORT]
    return round(sum(shares) / len(shares) / 100, 4) if shares else None


def _complete(row: Row) -> bool:
    return all(number(row, key) is not None for key in ("time", "memused", "cpu", "maxcpu"))


def reclaimable(rows: Iterable[Row]) -> int:
    """Bytes of ZFS cache that the node gives back under pressure, by the newest row that tells (PVE 9: arcsize; PVE 8 tells it nowhere).

    PVE counts MemTotal - MemAvailable as used (pve-common ProcFSTools.pm), and the kernel does not count the ARC as available.
    """
    telling = [row for row in rows if number(row, "arcsize") is not None and number(row, "memtotal")]
    if not telling:
        return 0
    row = max(telling, key=lambda row: number(row, "time") or 0.0)
    floor = max((number(row, "memtotal") or 0.0) / ARC_SHARE, ARC_LEAST)
    return int(max((number(row, "arcsize") or 0.0) - floor, 0.0))


def guest_mean(rows: Iterable[Row], since: float) -> GuestMean | None:
    """A guest's mean use over the rows from `since` on; None if they are too few to say."""
    chosen = [row for row in rows if (number(row, "time") or 0.0) >= since and number(row, "mem") and number(row, "cpu") is not None]
    if len(chosen) < ENOUGH:
        return None
    memory = sum(number(row, "memhost") or number(row, "mem") or 0.0 for row in chosen) / len(chosen)
    cpu = sum((number(row, "cpu") or 0.0) * (number(row, "maxcpu") or 0.0) for row in chosen) / len(chosen)
    return GuestMean(int(memory), cpu)
