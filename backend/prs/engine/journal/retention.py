"""Keeps the journal small: what nobody needs any more goes by age, and by size the oldest first."""

from __future__ import annotations

import sqlite3

from prs.engine.journal.jobs import JOB_OPEN
from prs.engine.journal.journal import Journal
from prs.engine.journal.rides import OURS
from prs.engine.journal.rows import SUGGESTED
from prs.engine.journal.totals import leave

UNUSED = 86_400.0  # seconds after which a plan that no job has used goes
STEP = 86_400.0  # seconds by which age counts on at most from one look to the next, which come each hour
BATCH = 20  # jobs that go at once while the journal is too large
_OPEN = ", ".join(f"'{state}'" for state in JOB_OPEN)
_OFF = ", ".join(f"'{state}'" for state in OURS)
# Open jobs, guests that are off because of us, what the way back to a node kept empty will need, what a rolling run under way refers to.
_NEEDED = f"""jobs.state IN ({_OPEN})
    OR EXISTS (SELECT 1 FROM held WHERE held.job = jobs.id OR (held.node = jobs.node AND jobs.created >= held.since))
    OR EXISTS (SELECT 1 FROM rides WHERE rides.job = jobs.id AND rides.state IN ({_OFF}))
    OR jobs.id IN (SELECT stops.job FROM stops JOIN tours ON tours.id = stops.tour WHERE tours.ended = 0)
    OR jobs.id IN (SELECT stops.back FROM stops JOIN tours ON tours.id = stops.tour WHERE tours.ended = 0)"""
_ENDED = f"SELECT id FROM jobs WHERE NOT ({_NEEDED})"


def counted(journal: Journal, now: float) -> float:
    """The time by which age is counted: a clock that is suddenly a year ahead would else take the whole history with it.

    So there is a day or more to put it right; a machine that was off for two months has counted them all some days later.
    """
    try:
        found = min(now, float(journal.note("aged")) + STEP)
    except ValueError:  # never looked before
        found = now
    journal.note("aged", f"{found:.0f}")
    return found


def prune(journal: Journal, now: float, days: float, size: int) -> int:
    """Delete ended jobs older than `days` days, then the oldest while there are more than `size` bytes; the number that went."""
    with journal.transaction() as db:
        gone = _delete(db, f"{_ENDED} AND max(created, ended) < ?", now - days * 86_400)
        db.execute("DELETE FROM tours WHERE ended > 0 AND ended < ?", (now - days * 86_400,))
        _sweep(db, now)
    while _bytes(journal) > size:
        with journal.transaction() as db:
            oldest = _delete(db, f"{_ENDED} ORDER BY created, id LIMIT ?", BATCH)
            _sweep(db, now)
        if not oldest:
            break
        gone += oldest
    return gone


def _delete(db: sqlite3.Connection, which: str, value: float) -> int:
    """Delete the jobs that a query gives, which are counted on; the number that went."""
    leave(db, which, value)
    return db.execute(f"DELETE FROM jobs WHERE id IN ({which})", (value,)).rowcount


def _sweep(db: sqlite3.Connection, now: float) -> None:
    """Plans that have no job (any more), and what was noted about jobs that are gone."""
    unused = f"created < ? AND id <> {SUGGESTED} AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.plan = plans.id)"
    db.execute(f"DELETE FROM plans WHERE {unused}", (now - UNUSED,))
    db.execute("DELETE FROM meta WHERE name LIKE 'released %' AND substr(name, 10) NOT IN (SELECT id FROM jobs)")


def _bytes(journal: Journal) -> int:
    """Bytes in use; pages that became free are used again before the file grows."""
    pages, free, each = (int(journal.rows(f"PRAGMA {name}")[0][0]) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * each
