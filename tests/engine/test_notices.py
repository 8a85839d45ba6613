"""What the administrator is told of, by a daemon on the simulated cluster and of jobs that others have ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.house import House
from prs.engine.daemon.notices import Event, Notice, of_job, of_round
from prs.engine.daemon.service import Service
from prs.engine.daemon.systemd import Notifier
from prs.engine.journal.automation import dismiss, suggestion
from prs.engine.journal.jobs import Job
from prs.engine.rolling.runs import RollingRuns
from prs.engine.rolling.stages import RoundOptions, begin
from prs.model import Policy
from simcluster.world import Flavour


def test_a_run_by_schedule_is_told_once_also_after_a_restart(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, notify="info")
    house.live(900)
    (job,) = house.journal.jobs()
    assert house.notices == [(Notice("done", job.id, "", len(job.steps), len(job.steps)), True)]
    again = Service(house.service._host, house.settings, house.journal, house.clock, Notifier({}))  # type: ignore[arg-type]
    for _ in range(10):
        house.clock.sleep(again.turn())
    assert len(house.notices) == 1


def test_what_is_less_grave_than_asked_for_is_a_line_of_the_log_only(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour)
    house.live(900)
    assert [(notice.event, wanted) for notice, wanted in house.notices] == [("done", False)]


def test_a_suggestion_is_told_once_and_the_next_hours_later(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour, automation="suggest")
    house.live(1800)
    found = suggestion(house.journal)
    assert found
    assert house.notices == [(Notice("suggested", count=found.moves), True)]
    dismiss(house.journal, found.plan, "dismissed by admin@pve")
    house.live(4 * 3600)
    assert len(house.notices) == 1, "others have replaced it, each after half an hour"
    house.live(4 * 3600)
    assert [notice.event for notice, _ in house.notices] == ["suggested"] * 2


def test_a_service_that_cannot_work_is_told_of_once_and_not_at_the_first_trouble(ram: Path, flavour: Flavour) -> None:
    house = House(ram, flavour)
    house.live(900)
    house.notices.clear()
    house.down = True
    house.live(3600)
    assert house.notices == []
    house.live(4 * 3600)
    assert house.notices == [(Notice("unable"), True)]
    house.down = False
    house.live(3600)
    house.down = True
    house.live(3 * 3600)
    assert [notice.event for notice, _ in house.notices if notice.event == "unable"] == ["unable"] * 2


def test_what_another_process_has_ended_is_told_and_what_was_before_is_not(ram: Path, flavour: Flavour) -> None:
    """Rolling maintenance by the command, which knows its own end, and the administrator who has left it alone does not."""
    house = House(ram, flavour, notify="error", automation="off")
    runs = RollingRuns(house.journal)
    old = runs.add(["pve1"], Policy(), "root@pam", house.clock.time())
    runs.end(old, "failed", "", house.clock.time() - 5)
    house.live(60)
    run = runs.add(["pve1", "pve2", "pve3"], Policy(), "root@pam", house.clock.time())
    runs.stop(run, 1, state="done")
    runs.stop(run, 2, state="failed", message="Ceph: HEALTH_ERR")
    runs.end(run, "failed", "pve2: Ceph: HEALTH_ERR", house.clock.time())
    house.live(60)
    assert house.notices == [(Notice("stopped", node="pve2", count=1, total=3), True)]


def ended(ram: Path, flavour: Flavour) -> Job:
    house = House(ram, flavour)
    house.live(900)
    (job,) = house.journal.jobs()
    return job


@pytest.mark.parametrize(("kind", "origin", "state", "events"), [
    ("balance", "web", "done", ["done"]), ("drain", "cli", "done", ["drained"]), ("drain", "round", "done", []),
    ("drain", "round", "failed", ["failed"]), ("balance", "schedule", "partial", ["partial"]), ("drain", "web", "cancelled", []),
])  # fmt: skip
def test_of_a_job_its_end_and_guests_that_are_not_known(ram: Path, kind: str, origin: str, state: str, events: list[Event]) -> None:
    job = replace(ended(ram, "9"), kind=kind, origin=origin, state=state)  # type: ignore[arg-type]
    assert [notice.event for notice in of_job(job)] == events
    lost = replace(job, steps=(replace(job.steps[0], state="unknown"), *job.steps[1:]))
    assert [notice.event for notice in of_job(lost)] == [*events, "unknown"]


def test_of_a_round_its_end_and_where_it_has_stopped() -> None:
    one = begin("0123456789ab", "root@pam", ["pve1", "pve2"], Policy(), RoundOptions(), "pve1", 1.0)
    first, second = one.turns
    over = replace(first, step="over")
    assert list(of_round(replace(one, state="done", turns=(over, replace(second, step="over"))))) == [Notice("rolled", count=2, total=2)]
    bad = replace(second, step="over", ending="failed")
    assert list(of_round(replace(one, state="failed", turns=(over, bad)))) == [Notice("stopped", node="pve2", count=1, total=2)]
    assert list(of_round(replace(one, state="stopped"))) == []
