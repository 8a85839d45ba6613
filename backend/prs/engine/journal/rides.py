"""Guests that are shut down while their node is empty, in the journal: which ones we have asked to, so that none is ever left off."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from prs.codec import from_json
from prs.engine.journal.database import Database, insert
from prs.model import Kind, Stay

RideState = Literal["planned", "stopping", "stopped", "starting", "running", "failed", "skipped"]
OURS = ("stopping", "stopped", "starting", "failed")  # asked to shut down by us, and not seen running since
ELSEWHERE = "another host carries the round of maintenance, and starts it again"


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


def adopt(journal: Database, plan_id: str, node: str, user: str, origin: str, now: float, rides: Sequence[Ride]) -> None:
    """Note guests that another host has shut down, as those of a drain that has ended: from now on this host starts them again."""
    job = {"id": secrets.token_hex(6), "plan": plan_id, "kind": "drain", "node": node, "state": "cancelled", "user": user, "origin": origin}
    words = f"what another host has shut down for {node} is started again by this one"
    with journal.transaction() as db:
        insert(db, "jobs", {**job, "created": now, "started": now, "ended": now, "message": words})
        for ride in rides:
            values = {"job": job["id"], "vmid": ride.vmid, "name": ride.name, "kind": ride.kind, "node": node, "state": ride.state}
            insert(db, "rides", values)
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
        db.execute("UPDATE jobs SET revision = (SELECT value FROM meta WHERE name = 'revision') WHERE id = ?", (job["id"],))


def known_rides(journal: Database, node: str, since: float) -> set[int]:
    """The guests of the node that drains of this journal, begun at or after `since`, were to shut down, and that were not given away."""
    query = """SELECT rides.vmid FROM rides JOIN jobs ON jobs.id = rides.job
        WHERE rides.node = ? AND jobs.created >= ? AND rides.message != ?"""
    return {int(row["vmid"]) for row in journal.rows(query, node, since, ELSEWHERE)}


def give_away(journal: Database, origin: str, since: float) -> None:
    """The guests that drains of this origin have shut down at or after `since` are started by another host."""
    states = ", ".join(f"'{state}'" for state in OURS)
    chosen = f"state IN ({states}) AND job IN (SELECT id FROM jobs WHERE origin = ? AND created >= ?)"
    if journal.rows(f"SELECT 1 FROM rides WHERE {chosen} LIMIT 1", origin, since):
        with journal.transaction() as db:
            db.execute(f"UPDATE rides SET state = 'skipped', message = ? WHERE {chosen}", (ELSEWHERE, origin, since))
