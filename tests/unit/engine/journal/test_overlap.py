"""A guest is in one open job at a time; what may still be asked of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from prs.engine.journal.jobs import JOB_OPEN, Request
from prs.engine.journal.journal import Journal
from prs.errors import JobConflict, NotFound, PlanError
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


def test_a_refusal_says_whose_job_it_is_and_what_it_does(tmp_path: Path) -> None:
    told = {"balance": "migrations by a@pve", "drain": "drain of pve1 by a@pve", "way": "migrations by a@pve"}
    for kind, words in told.items():
        node = "pve1" if kind == "drain" else ""
        with Journal(tmp_path / f"{kind}.sqlite") as journal:
            plan = journal.add_plan(Plan("drain" if node else "balance", "memory", node=node, moves=MOVES), Policy(), "a@pve")
            first = journal.add_job(plan, "a@pve", "web", 1.0)
            journal.update_job(first, kind=kind)
            with pytest.raises(JobConflict, match=words):
                journal.add_job(plan, "b@pve", "web", 2.0)


@pytest.mark.parametrize("state", ["queued", "running", "paused", "cancelling", "done", "partial", "failed", "cancelled"])
@pytest.mark.parametrize("request_", ["pause", "", "cancel", "abort"])
def test_a_job_that_has_ended_takes_no_request_and_a_cancel_is_never_taken_back(tmp_path: Path, state: str, request_: Request) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        job = journal.add_job(journal.add_plan(Plan("balance", "memory", moves=MOVES), Policy(), "a@pve"), "a@pve", "web", 1.0)
        journal.update_job(job, state=state)
        revision, is_open = journal.revision(), state in JOB_OPEN
        assert journal.request(job, request_) is is_open
        assert journal.job(job).request == (request_ if is_open else "")
        assert (journal.revision() > revision) is is_open
        journal.update_job(job, request="cancel")
        ends = request_ in ("cancel", "abort")
        assert journal.request(job, request_) is (is_open and ends)
        assert journal.job(job).request == (request_ if is_open and ends else "cancel")
        with pytest.raises(NotFound):
            journal.request("0" * 12, request_)
