"""A journal of any earlier version is brought to the newest schema with its open job in it; one of a later version is refused."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from prs.codec import to_json
from prs.engine.journal.journal import Journal
from prs.engine.journal.schema import MIGRATIONS, upgrade
from prs.errors import JournalError
from prs.model import Plan, Policy

PLAN = Plan(kind="drain", method="memory", node="pve1")


def written_by(version: int, path: Path) -> None:
    """A journal as that version left it: an open job with a migration that was running."""
    db = sqlite3.connect(path)
    db.executescript("".join(MIGRATIONS[:version]) + f"PRAGMA user_version = {version};")
    plan = json.dumps(to_json(Policy())), json.dumps(to_json(PLAN))
    db.execute("INSERT INTO plans (id, created, user, policy, body) VALUES ('p1', 1.0, 'root@pam', ?, ?)", plan)
    job = "id, plan, kind, node, state, user, origin, created"
    db.execute(f"INSERT INTO jobs ({job}) VALUES ('j1', 'p1', 'drain', 'pve1', 'running', 'a', 'cli', 1)")
    step = "job, seq, vmid, name, kind, source, target, running, ha, memory, disk, seconds, round, state, upid"
    db.execute(f"INSERT INTO steps ({step}) VALUES ('j1', 1, 100, 'db', 'qemu', 'pve1', 'pve2', 1, 0, 5, 0, 9, 1, 'running', 'UPID:x')")
    db.commit()
    db.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_every_earlier_schema_is_brought_up(version: int, tmp_path: Path) -> None:
    """The job is still open with all of its step, the schema is that of a new journal, and new rows can be written."""
    written_by(version, tmp_path / "old.sqlite")
    old, new = Journal(tmp_path / "old.sqlite"), Journal(tmp_path / "new.sqlite")
    (job,) = old.jobs(only_open=True)
    assert (job.id, job.node, job.state, job.plan) == ("j1", "pve1", "running", PLAN)
    step = asdict(job.steps[0])
    assert {name: step[name] for name in ("vmid", "source", "target", "state", "upid", "memory")} == {
        "vmid": 100, "source": "pve1", "target": "pve2", "state": "running", "upid": "UPID:x", "memory": 5,
    }  # fmt: skip
    old.update_step("j1", 1, state="done")
    assert old.revision() == 1
    old.close()
    new.close()
    assert shape(tmp_path / "old.sqlite") == shape(tmp_path / "new.sqlite")


@pytest.mark.parametrize("body", ["{", "{}", "[]", "", "[" * 50_000])
def test_a_damaged_plan_keeps_no_journal_from_being_brought_up(body: str, tmp_path: Path) -> None:
    """Its job is set aside as failed, as in a journal of today."""
    written_by(4, tmp_path / "old.sqlite")
    db = sqlite3.connect(tmp_path / "old.sqlite")
    db.execute("UPDATE plans SET body = ?", (body,))
    db.commit()
    db.close()
    with Journal(tmp_path / "old.sqlite") as old:
        assert old.jobs(only_open=True) == []
        (row,) = old.rows("SELECT state, method FROM jobs JOIN plans ON plans.id = jobs.plan")
        assert (row["state"], row["method"]) == ("failed", "")


def shape(path: Path) -> list[tuple[object, ...]]:
    """Tables, indexes and version of a journal."""
    db = sqlite3.connect(path)
    rows = [*db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name"), db.execute("PRAGMA user_version").fetchone()]
    db.close()
    return rows


def test_a_later_schema_is_refused_untouched(tmp_path: Path) -> None:
    """After a downgrade of the package nothing is written into a journal that this version does not understand."""
    path = tmp_path / "later.sqlite"
    written_by(len(MIGRATIONS), path)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(JournalError, match="upgrade the package"):
        Journal(path)
    assert shape(path)[-1] == (len(MIGRATIONS) + 1,)


def test_two_services_that_start_together_share_the_upgrade(tmp_path: Path) -> None:
    """Each reads the version before either has the lock: the slower one finds the work done."""
    path = tmp_path / "journal.sqlite"
    slow, fast = sqlite3.connect(path, isolation_level=None), sqlite3.connect(path, isolation_level=None)

    def first(statement: str) -> None:
        if statement.startswith("BEGIN"):
            slow.set_trace_callback(None)
            upgrade(fast)

    slow.set_trace_callback(first)
    upgrade(slow)
    tables = "SELECT count(*) FROM sqlite_master WHERE name = 'jobs'"
    assert (slow.execute(tables).fetchone(), slow.execute("PRAGMA user_version").fetchone()) == ((1,), (len(MIGRATIONS),))
    slow.close()
    fast.close()
