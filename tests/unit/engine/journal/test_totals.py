"""Counts of what jobs have done do not fall when the jobs leave the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from prs.engine.journal.journal import Journal
from prs.engine.journal.requests import requests, tell_requests
from prs.engine.journal.retention import prune
from prs.engine.journal.totals import Totals, totals
from prs.model import Move, Plan, Policy

NOW, DAY = 1_800_000_000.0, 86_400.0


def add(journal: Journal, age: float, state: str, *steps: tuple[str, int]) -> None:
    moves = tuple(Move(100 + number, "web", "qemu", "pve1", "pve2", memory=1000) for number in range(len(steps)))
    plan = Plan("balance", "memory", moves=moves, created=NOW - age * DAY)
    job = journal.add_job(journal.add_plan(plan, Policy(), "root@pam"), "root@pam", "web", NOW - age * DAY)
    for seq, (end, done) in enumerate(steps, 1):
        journal.update_step(job, seq, state=end, total=1000, done=done)
    journal.update_job(job, state=state, ended=NOW - age * DAY)


@pytest.mark.parametrize(("days", "size", "left"), [(365, 2**30, 3), (90, 2**30, 2), (365, 0, 1)])
def test_counts_stay_when_rows_leave_by_age_or_size(tmp_path: Path, days: float, size: int, left: int) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        add(journal, 100, "partial", ("done", 990), ("failed", 400))
        add(journal, 1, "done", ("done", 1000))
        add(journal, 0, "running", ("running", 10))
        for _ in range(2):
            prune(journal, NOW, days, size)
            expected = Totals({("balance", "partial"): 1, ("balance", "done"): 1}, {"done": 2, "failed": 1}, {"done": 2000, "failed": 400},
                              {"balance": 1})  # fmt: skip
            assert totals(journal) == expected
        assert len(journal.brief_jobs(10)) == left


def test_an_empty_journal_has_none_and_the_newest_plan_is_one_of_the_cluster_as_it_is(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert (totals(journal), journal.newest_plan(), requests(journal)) == (Totals(), None, {})
        real, drain = Plan("balance", "cpu", created=1), Plan("drain", "cpu", created=2)
        for plan in (real, drain, Plan("balance", "memory", created=3, supposed=True)):
            journal.add_plan(plan, Policy(), "root@pam")
        assert journal.newest_plan() == real
        tell_requests(journal, {"answered": 3})
        assert requests(journal) == {"answered": 3}
        journal.note("requests", "[1]")
        assert requests(journal) == {}
