"""What leaves the journal, what never does, and that its size does not slow anybody down."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from full_journal import fill
from prs.config.load import Settings
from prs.engine.clock import SystemClock
from prs.engine.daemon.notices import Notices
from prs.engine.journal.journal import PLANS_OF_A_USER, Journal
from prs.engine.journal.retention import counted, prune
from prs.errors import NotFound
from prs.model import Move, Plan, Policy

NOW, DAY = 1_800_000_000.0, 86_400.0
MOVE = Move(101, "web", "qemu", "pve1", "pve2")
_vmids = itertools.count(1000)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "journal.sqlite")
    yield found
    found.close()


def add(journal: Journal, age: float, state: str = "done", user: str = "root@pam", plan: Plan | None = None) -> str:
    """A job of one step that was made, and has ended, so many days ago."""
    made = NOW - age * DAY
    move = replace(MOVE, vmid=next(_vmids))
    plan = replace(plan or Plan("balance", "memory", summary="s" * 50), created=made, moves=(move,))
    job = journal.add_job(journal.add_plan(plan, Policy(), user), user, "web", made)
    if state != "queued":
        journal.update_job(job, state=state, ended=made)
        journal.update_step(job, 1, state=state)
    return job


def left(journal: Journal) -> set[str]:
    return {job.id for job in journal.brief_jobs(10_000)}


def test_ended_jobs_go_by_age_and_open_ones_never(journal: Journal) -> None:
    old, recent, waiting = add(journal, 100), add(journal, 10), add(journal, 200, "queued")
    assert prune(journal, NOW, 90, 2**30) == 1
    assert left(journal) == {recent, waiting}
    with pytest.raises(NotFound):
        journal.job(old)
    assert len(journal.rows("SELECT id FROM plans")) == 2
    assert len(journal.rows("SELECT vmid FROM steps")) == 2


def test_a_clock_that_is_suddenly_years_ahead_takes_no_history_for_a_day_or_more(journal: Journal) -> None:
    recent, old = add(journal, 10), add(journal, 80)
    wrong = NOW + 5 * 365 * DAY
    assert counted(journal, NOW) == NOW
    for _ in range(8):  # one in an hour
        assert prune(journal, counted(journal, wrong), 90, 2**30) == 0
    assert counted(journal, NOW + 60) == NOW + 60  # it was put right
    assert prune(journal, counted(journal, NOW + 60), 90, 2**30) == 0
    assert left(journal) == {recent, old}
    for _ in range(60):  # a machine that was off for two months
        prune(journal, counted(journal, NOW + 60 * DAY), 90, 2**30)
    assert left(journal) == {recent}


def test_what_a_held_node_needs_for_the_way_back_stays(journal: Journal) -> None:
    drain = Plan("drain", "memory", node="pve1")
    before = add(journal, 300, plan=drain)
    journal.release("pve1")
    first, second, other = add(journal, 200, plan=drain), add(journal, 150, plan=drain), add(journal, 150)
    prune(journal, NOW, 90, 2**30)
    assert left(journal) == {first, second}
    journal.release("pve1")
    prune(journal, NOW, 90, 2**30)
    assert left(journal) & {before, first, second, other} == set()


def test_a_large_journal_loses_its_oldest_jobs_first(journal: Journal) -> None:
    large = Plan("balance", "memory", warnings=("w" * 20_000,))
    jobs = [add(journal, age / 10, plan=large) for age in range(200, 0, -1)]
    prune(journal, NOW, 90, 2**21)
    kept = left(journal)
    assert 0 < len(kept) < 100
    assert kept == set(jobs[-len(kept) :])
    waiting = [add(journal, 5, "queued", plan=large) for _ in range(80)]
    prune(journal, NOW, 90, 2**20)
    assert left(journal) == set(waiting)  # more than the size, and none may go


def test_plans_that_nobody_carries_out_go_after_a_day_and_are_bounded_per_user(journal: Journal) -> None:
    used = journal.job(add(journal, 0.1)).id
    ids = [journal.add_plan(Plan("balance", "memory", created=NOW + number), Policy(), "root@pam") for number in range(40)]
    others = journal.add_plan(Plan("balance", "memory", created=NOW), Policy(), "audit@pve")
    kept = {row["id"] for row in journal.rows("SELECT id FROM plans")}
    assert kept & set(ids) == set(ids[-PLANS_OF_A_USER:])
    assert others in kept
    assert journal.job(used).plan.kind == "balance"
    prune(journal, NOW + 2 * DAY, 90, 2**30)
    assert {row["id"] for row in journal.rows("SELECT id FROM plans")} & {*ids, others} == set()


def test_ones_own_jobs_are_not_hidden_behind_newer_ones_of_others(journal: Journal) -> None:
    own = [add(journal, 2, user="ops@pve"), add(journal, 2, user="ops@pve!token")]
    odd = add(journal, 3, user="ops!x@pve")
    for user in ("ops@pvx", "ops@pve1", "ops@pve\"x", "root@pam", "ops!y@pve"):
        for _ in range(15):
            add(journal, 1, user=user)
    assert {job.id for job in journal.brief_jobs(20, "ops@pve")} == set(own)
    assert [job.id for job in journal.brief_jobs(20, "ops!x@pve")] == [odd]
    assert len(journal.brief_jobs(20)) == 20


@pytest.mark.parametrize("query", [
    "SELECT * FROM steps WHERE state IN ('starting', 'running', 'verifying') ORDER BY job, seq",
    "SELECT upid FROM steps WHERE vmid = 7 AND upid <> ''",
    "SELECT jobs.id FROM jobs JOIN plans ON plans.id = jobs.plan ORDER BY jobs.created DESC, jobs.rowid LIMIT 20",
    "SELECT jobs.id FROM jobs WHERE state IN ('queued', 'running') ORDER BY created",
])  # fmt: skip
def test_no_tick_and_no_poll_walks_through_all_that_ever_was(journal: Journal, query: str) -> None:
    steps = [row["detail"] for row in journal.rows(f"EXPLAIN QUERY PLAN {query}")]
    assert not [step for step in steps if step.startswith("SCAN") and "INDEX" not in step], steps


def work(journal: Journal, poll: Callable[[], object]) -> int:
    """How much SQLite has to do for it, in steps of its machine."""
    done = itertools.count()
    journal._db.set_progress_handler(lambda: next(done) < 0, 1)
    poll()
    journal._db.set_progress_handler(None, 1)
    return next(done)


def test_ten_thousand_jobs_make_no_more_work_than_a_hundred(tmp_path: Path) -> None:
    found = list[list[int]]()
    for count in (100, 10_000):
        with Journal(tmp_path / f"{count}.sqlite") as journal:
            fill(journal, count)
            found.append([work(journal, poll) for poll in polls(journal)])
    assert all(many <= 2 * few for few, many in zip(*found, strict=True)), found


def polls(journal: Journal) -> tuple[Callable[[], object], ...]:
    """What is asked of the journal again and again, with some jobs of a user's tokens in it."""
    for number, user in enumerate(("root@pam!a", "root@pam!b", "root@pam")):
        journal.rows("UPDATE jobs SET user = ? WHERE rowid = ?", user, number + 5)
    notices, settings = Notices(journal, SystemClock(), "pve1", None, lambda *_: None), Settings(journal.path.with_name("prs.conf"))
    return (
        lambda: journal.brief_jobs(20), lambda: journal.brief_jobs(20, "root@pam"), lambda: journal.jobs(only_open=True),
        lambda: journal.jobs(limit=10), lambda: journal.drains("pve1", 0.0), journal.newest_plan, journal.revision,
        lambda: notices.turn(settings), lambda: journal.add_plan(Plan("balance", "memory"), Policy(), "a@pve"),
    )  # fmt: skip
