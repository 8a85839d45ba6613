"""A guest is in one open job at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from prs.engine.journal.journal import Journal
from prs.errors import JobConflict, PlanError
from prs.model import Move, Plan, Policy

MOVES = tuple(Move(vmid, f"g{vmid}", "qemu", "pve1", "pve2") for vmid in (101, 102, 103))


@pytest.mark.parametrize("state", ["planned", "starting", "running", "verifying"])
def test_a_job_with_a_guest_of_another_open_one_is_refused(tmp_path: Path, state: str) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    plan = journal.add_plan(Plan("balance", "memory", moves=MOVES), Policy(), "root@pam")
    first = journal.add_job(plan, "root@pam", "web", 1.0, MOVES[:2])
    journal.update_step(first, 2, state=state)
    with pytest.raises(JobConflict) as refused:
        journal.add_job(plan, "audit@pve", "web", 2.0, MOVES[1:])
    assert (refused.value.job, refused.value.vmids) == (first, (102,))
    assert [job.id for job in journal.brief_jobs(10)] == [first]
    journal.add_job(plan, "audit@pve", "web", 2.0, MOVES[2:])
    journal.close()


@pytest.mark.parametrize("state", ["done", "failed", "skipped", "cancelled", "unknown"])
def test_a_guest_whose_step_has_ended_may_be_moved_by_another_job(tmp_path: Path, state: str) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    plan = journal.add_plan(Plan("balance", "memory", moves=MOVES[:1]), Policy(), "root@pam")
    first = journal.add_job(plan, "root@pam", "web", 1.0)
    journal.update_step(first, 1, state=state)
    assert journal.add_job(plan, "root@pam", "web", 2.0) != first
    journal.close()


def test_a_plan_for_what_might_be_is_never_queued(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    plan = journal.add_plan(Plan("balance", "memory", moves=MOVES, supposed=True), Policy(), "root@pam")
    with pytest.raises(PlanError, match="might become"):
        journal.add_job(plan, "root@pam", "web", 1.0)
    assert journal.brief_jobs(10) == []
    journal.close()
