"""What the jobs of this node have done since its journal began: counts that do not fall when old rows leave it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from prs.engine.journal.database import Database
from prs.engine.journal.jobs import JOB_OPEN, STEP_OPEN

_NOTE = "total "  # what has left stands in the table of notes: total job KIND STATE, total step STATE, total bytes STATE
_OPEN_JOBS = ", ".join(f"'{state}'" for state in JOB_OPEN)
_OPEN_STEPS = ", ".join(f"'{state}'" for state in STEP_OPEN)
_SIZE = "CASE WHEN state = 'done' THEN total ELSE min(done, total) END"  # bytes that a migration has copied
_COUNTED = (
    ("job", "kind || ' ' || state", "COUNT(*)", f"jobs WHERE state NOT IN ({_OPEN_JOBS}) AND id"),
    ("step", "state", "COUNT(*)", f"steps WHERE state NOT IN ({_OPEN_STEPS}) AND job"),
    ("bytes", "state", f"SUM({_SIZE})", f"steps WHERE state NOT IN ({_OPEN_STEPS}) AND job"),
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Ended jobs by (kind, state), and ended migrations and their bytes by state; `open` are jobs without an end by kind."""

    jobs: dict[tuple[str, str], int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)


def totals(journal: Database) -> Totals:
    """All that ever was; walks through the journal once. JournalError."""
    found = Totals()
    for name, count in _all(journal):
        what, _, rest = name.partition(" ")
        if what == "job":
            kind, _, state = rest.partition(" ")
            found.jobs[kind, state] = found.jobs.get((kind, state), 0) + count
        else:
            into = found.steps if what == "step" else found.bytes
            into[rest] = into.get(rest, 0) + count
    for row in journal.rows(f"SELECT kind, COUNT(*) AS number FROM jobs WHERE state IN ({_OPEN_JOBS}) GROUP BY kind"):
        found.open[row["kind"]] = row["number"]
    return found


def _all(journal: Database) -> Iterator[tuple[str, int]]:
    for what, name, count, table in _COUNTED:
        for row in journal.rows(f"SELECT {name} AS name, {count} AS number FROM {table} IS NOT NULL GROUP BY 1"):
            yield f"{what} {row['name']}", int(row["number"] or 0)
    for row in journal.rows("SELECT name, value FROM meta WHERE name >= 'total ' AND name < 'total!'"):
        yield row["name"].removeprefix(_NOTE), int(row["value"])


def leave(db: sqlite3.Connection, which: str, value: float) -> None:
    """Count on the jobs that are about to be deleted; `which` is the query for their ids, with one value."""
    for what, name, count, table in _COUNTED:
        db.execute(
            f"""INSERT INTO meta SELECT '{_NOTE}{what} ' || {name}, {count} FROM {table} IN ({which}) GROUP BY 1
            ON CONFLICT (name) DO UPDATE SET value = value + excluded.value""", (value,)
        )  # fmt: skip
