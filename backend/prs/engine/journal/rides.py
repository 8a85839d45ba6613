"""Guests that are shut down while their node is empty, in the journal: which ones we have asked to, so that none is ever left off."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from typing import Any, Literal

from prs.codec import from_json
from prs.engine.journal.database import Database, insert
from prs.model import Kind, Stay

RideState = Literal["planned", "stopping", "stopped", "starting", "running", "failed", "skipped"]
OURS = ("stopping", "stopped", "starting", "failed")  # asked to shut down by us, and not seen running since


@dataclass(frozen=True, slots=True)
class Ride:
    """A guest that is off for as long as its `node` is empty; `posted` (Unix) when it was asked to shut down, `upid` of the last task."""

    vmid: int
    name: str
    kind: Kind
    node: str
    state: RideState = "planned"
    upid: str = ""
    posted: float = 0.0
    message: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is, or may be, off because of us."""
        return self.state in OURS

    @property
    def open(self) -> bool:
        """Whether its drain has still to bring it down, or up again."""
        return self.state in ("planned", "stopping", "starting")

    @property
    def label(self) -> str:
        """The guest as people know it: `102 (db01)`."""
        return f"{self.vmid} ({self.name})" if self.name else str(self.vmid)


def add_rides(db: sqlite3.Connection, job_id: str, rides: tuple[Stay, ...]) -> None:
    """Note the guests that a drain is to shut down."""
    for ride in rides:
        values = {"job": job_id, "vmid": ride.vmid, "name": ride.name, "kind": ride.kind or "qemu", "node": ride.node, "state": "planned"}
        insert(db, "rides", values)


def rides_of(journal: Database, job_id: str) -> tuple[Ride, ...]:
    """The rides of a drain, ascending; ModelError if a row cannot be read."""
    names = [item.name for item in fields(Ride)]
    rows = journal.rows("SELECT * FROM rides WHERE job = ? ORDER BY vmid", job_id)
    return tuple(from_json(Ride, {name: row[name] for name in names}, f"ride {row['vmid']}") for row in rows)


def set_ride(journal: Database, job_id: str, vmid: int, **changes: Any) -> None:
    """Set fields of a ride, surely on the disk before what they tell of happens."""
    columns = ", ".join(f"{name} = ?" for name in changes)
    with journal.transaction() as db:
        db.execute(f"UPDATE rides SET {columns} WHERE job = ? AND vmid = ?", (*changes.values(), job_id, vmid))
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
        db.execute("UPDATE jobs SET revision = (SELECT value FROM meta WHERE name = 'revision') WHERE id = ?", (job_id,))


def drains_with_rides(journal: Database, node: str = "") -> list[str]:
    """The drains, of one node or of all, of which a guest is off because of us; oldest first."""
    states = ", ".join(f"'{state}'" for state in OURS)
    rows = journal.rows(
        f"""SELECT DISTINCT jobs.id FROM rides JOIN jobs ON jobs.id = rides.job
        WHERE rides.state IN ({states}) AND rides.node = COALESCE(NULLIF(?, ''), rides.node) ORDER BY jobs.created, jobs.rowid""",
        node,
    )
    return [str(row["id"]) for row in rows]
