"""The history of loads: each node's mean load and the widest spread by half hour, for a month, in the file of the memory of loads."""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prs.engine.loads.memory import opened
from prs.model import HALF_HOUR, Node, Reading
from prs.planner.day.means import Mean, Pair, added

log = logging.getLogger(__name__)

DAYS = 31
KEPT = round(DAYS * 86_400 / HALF_HOUR)  # 1488 rows: 0.14 MB for 3 nodes, 0.5 MB for 32
TABLE = "history (slot INTEGER PRIMARY KEY, body BLOB NOT NULL)"
Counted = Callable[[Collection[str]], Collection[str]]  # which of these nodes take part in balancing


@dataclass(frozen=True)
class Slot:
    """Half an hour, numbered from 1970 in UTC: loads as (memory, cpu), fractions of what the nodes have."""

    readings: int = 0
    nodes: Mapping[str, Mean] = field(default_factory=dict)  # with the number of readings that had the node
    spread: Pair | None = None  # the widest between any two counted nodes at one moment; None where there were never two

    def taken(self, loads: Mapping[str, Pair], counted: Collection[str]) -> Slot:
        """With one reading more, of which only the counted nodes make the spread."""
        shares = [loads[name] for name in loads if name in counted]
        spread = self.spread
        if len(shares) > 1:
            memory, cpu = (max(one[kind] for one in shares) - min(one[kind] for one in shares) for kind in (0, 1))
            spread = max(memory, spread[0] if spread else 0.0), max(cpu, spread[1] if spread else 0.0)
        return Slot(self.readings + 1, added(self.nodes, loads), spread)


def loads_of(reading: Reading, nodes: Iterable[Node]) -> dict[str, Pair]:
    """The loads of the nodes that have figures, as fractions."""
    sizes = {node.name: (node.memory, node.cpu) for node in nodes if node.memory and node.cpu}
    return {name: (memory / sizes[name][0], cpu / sizes[name][1]) for name, (memory, cpu) in reading.nodes.items() if name in sizes}


class LoadHistory:
    """Nothing here ever fails the daemon: what cannot be written is forgotten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, reading: Reading, nodes: Collection[Node], counted: Counted, now: float) -> None:
        """Take a reading into its half hour, and forget what is older than a month or lies ahead."""
        slot = int(now // HALF_HOUR)
        able = [node.name for node in nodes if node.online and not node.problem and node.ha in ("", "online")]
        try:
            with closing(opened(self.path, TABLE)) as db, db:
                old = dict(_rows(db, slot, slot)).get(slot, Slot())
                body = _packed(old.taken(loads_of(reading, nodes), counted(able)))
                db.execute("INSERT OR REPLACE INTO history VALUES (?, ?)", (slot, body))
                db.execute("DELETE FROM history WHERE slot <= ? OR slot > ?", (slot - KEPT, slot))
        except (sqlite3.Error, OSError) as error:
            log.debug("the history of loads is not written: %s", error)  # the memory in the same file says so once

    def since(self, first: int) -> dict[int, Slot]:
        """The half hours from this one on, for a user who may only read; sqlite3.Error, OSError."""
        if not self.path.exists():
            return {}
        with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'history'").fetchall():  # of an earlier version
                return {}
            return dict(_rows(db, first, first + KEPT))


def _rows(db: sqlite3.Connection, first: int, last: int) -> Iterable[tuple[int, Slot]]:
    """The rows that are there and whole."""
    for slot, body in db.execute("SELECT slot, body FROM history WHERE slot BETWEEN ? AND ? ORDER BY slot", (first, last)):
        if (one := _unpacked(body)) is not None:
            yield int(slot), one


def _packed(one: Slot) -> bytes:
    nodes = {name: [count, round(memory, 4), round(cpu, 4)] for name, (count, memory, cpu) in one.nodes.items()}
    spread = [round(kind, 4) for kind in one.spread] if one.spread else None
    return zlib.compress(json.dumps([one.readings, nodes, spread], separators=(",", ":")).encode())


def _unpacked(body: bytes) -> Slot | None:
    try:
        data: Any = json.loads(zlib.decompress(body))
        readings, nodes, spread = data
        means = {str(name): (int(count), float(memory), float(cpu)) for name, (count, memory, cpu) in nodes.items()}
        return Slot(int(readings), means, (float(spread[0]), float(spread[1])) if spread else None)
    except (zlib.error, ValueError, TypeError, IndexError, AttributeError):
        return None
