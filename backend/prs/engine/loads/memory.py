"""The memory of loads in an SQLite file of its own: one row for each half hour of the last two weeks, and lost without harm."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
import zlib
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prs.model import HALF_HOUR, Cluster, Forecast, Reading
from prs.planner.day.means import KEPT, HalfHour, forecast, wanted

log = logging.getLogger(__name__)

FILE = "loads.sqlite"  # in the state directory
TABLE = "halves (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
LEVEL = 6  # of compression: a half hour of 2000 guests takes about 30 KiB


def opened(path: Path, table: str) -> sqlite3.Connection:
    """The file of loads, which is made where there is none, with this table in it. sqlite3.Error, OSError."""
    if not path.exists():
        path.touch(mode=0o660)
    db = sqlite3.connect(path, timeout=10)
    try:
        db.execute("PRAGMA auto_vacuum = FULL")
        db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def half_hour(now: float) -> int:
    """The number of the half hour in local time, because people's days follow that."""
    return int((now + time.localtime(now).tm_gmtoff) // HALF_HOUR)


class LoadMemory:
    """Means by half hour. Nothing here ever fails the caller: what cannot be read is forgotten, what cannot be written is told once."""

    def __init__(self, path: Path) -> None:
        self.path, self._told = path, False

    def add(self, reading: Reading, now: float) -> None:
        """Take a reading into the mean of its half hour, and forget what is older than two weeks or lies ahead."""
        number = half_hour(now)
        try:
            with closing(opened(self.path, TABLE)) as db, db:
                body = self._packed(self._rows(db, [number]).get(number, HalfHour()).added(reading))
                db.execute("INSERT OR REPLACE INTO halves VALUES (?, ?)", (number, body))
                db.execute("DELETE FROM halves WHERE number <= ? OR number > ?", (number - KEPT, number))
            self._told = False
        except (sqlite3.Error, OSError) as error:
            self._forget(error)

    def halves(self, numbers: Iterable[int]) -> dict[int, HalfHour]:
        """What is remembered of these half hours."""
        if not self.path.exists():
            return {}
        try:
            with closing(opened(self.path, TABLE)) as db:
                return self._rows(db, numbers)
        except (sqlite3.Error, OSError) as error:
            self._forget(error)
            return {}

    def forecast(self, cluster: Cluster, now: float, recent: frozenset[int] = frozenset()) -> Forecast | None:
        """What the loads are expected to be over the coming day; None where too little is remembered."""
        number = half_hour(now)
        return forecast(cluster, self.halves(wanted(number)), number, recent)

    def _rows(self, db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, HalfHour]:
        """The rows that are there and whole; a damaged one counts as not remembered."""
        found = dict[int, HalfHour]()
        for number in numbers:
            for (body,) in db.execute("SELECT body FROM halves WHERE number = ?", (number,)):
                if (half := _unpacked(body)) is not None:
                    found[number] = half
        return found

    @staticmethod
    def _packed(half: HalfHour) -> bytes:
        rounded = {
            kind: {key: [count, round(memory), round(cpu, 3)] for key, (count, memory, cpu) in means.items()}
            for kind, means in asdict(half).items()
        }  # fmt: skip
        return zlib.compress(json.dumps(rounded, separators=(",", ":")).encode(), LEVEL)

    def _forget(self, error: Exception) -> None:
        """Say once what is wrong; a file that is no database any more is begun anew."""
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if not self._told:
            what = "is damaged and begun anew" if damaged else "cannot be used"
            log.warning("the memory of loads %s %s: %s; plans are made for the moment until there is a day of it", self.path, what, error)
        self._told = not damaged
        if damaged:
            with suppress(OSError):  # of a disk that only reads
                self.path.unlink(missing_ok=True)


def _unpacked(body: bytes) -> HalfHour | None:
    try:
        data: Any = json.loads(zlib.decompress(body))
        means = {kind: {key: (int(count), float(memory), float(cpu)) for key, (count, memory, cpu) in data[kind].items()}
                 for kind in ("guests", "nodes", "hosts")}
        return HalfHour({int(vmid): mean for vmid, mean in means["guests"].items()}, means["nodes"], means["hosts"])
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError):
        return None
