"""A cluster whose nodes no longer let each other in: the job pauses after three migrations that fail alike, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
from prs.engine.execution.breaker import HELD_UP
from prs.engine.execution.foreground import Interrupts, carry_out
from prs.engine.journal.jobs import Job
from prs.model import Policy
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour

WORDS = "can't connect to migration tunnel: Permission denied (publickey)"
GUESTS = 12


def begun(ram: Path, flavour: Flavour, origin: str) -> tuple[Drive, str]:
    """A drain of twelve guests, every migration of which fails."""
    guests = {str(101 + at): {"node": "pve1", "memory": 1, "disks": {"scsi0": "ceph:4"}} for at in range(GUESTS)}
    faults = [{"task": "qmigrate", "do": "fail", "words": WORDS, "times": 0}]
    storages = {"ceph": {"type": "rbd", "shared": True, "total": 500}}
    nodes = {name: {"memory": 64} for name in ("pve1", "pve2", "pve3")}
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests, "storages": storages, "faults": faults}))
    world.clock.sleep(660)
    drive = Drive(world, ram, Policy(parallel_node=1, parallel_total=1))
    plan_id = drive.journal.add_plan(drive.plan("pve1"), drive.policy, drive.api.user)
    return drive, drive.journal.add_job(plan_id, drive.api.user, origin, drive.clock.time())


def until(drive: Drive, job_id: str, state: str) -> Job:
    """Tick until the job is in that state."""
    executor = drive.executor(job_id)
    for _ in range(2000):
        executor.tick()
        if (job := drive.journal.job(job_id)).state == state:
            return job
        drive.clock.sleep(2)
    pytest.fail(f"never {state}: {drive.journal.job(job_id)}")


RESUME, BUTTON = "`resume {id}` goes on", "Resume goes on"


@pytest.mark.parametrize(("origin", "how"), [("cli", RESUME), ("schedule", RESUME), ("web", BUTTON)])
def test_a_job_waits_and_goes_on_when_told(ram: Path, flavour: Flavour, origin: str, how: str) -> None:
    """Whoever began it: three tasks have failed, nine guests are untouched, and the message has the cause and the way on."""
    drive, job_id = begun(ram, flavour, origin)
    job = until(drive, job_id, "paused")
    assert (job.count("failed"), job.count("planned")) == (3, GUESTS - 3)
    assert job.message.startswith("3 migrations in a row failed alike from pve1")
    assert WORDS in job.message
    meanwhile = "else the next scheduled run of this host takes its place" if origin == "schedule" else HELD_UP
    assert job.message.endswith(f"once that is mended, {how.format(id=job_id)} with the other {GUESTS - 3}; {meanwhile}")
    assert sum(drive.world.started.values()) == 3
    drive.world.faults.clear()
    drive.journal.request(job_id, "")
    job = drive.finish(job_id)
    assert job.state == "done", (job.message, job.steps)
    assert drive.guests_on("pve1") == []


def test_a_cause_that_stays_pauses_it_again_after_three_more(ram: Path, flavour: Flavour) -> None:
    drive, job_id = begun(ram, flavour, "cli")
    until(drive, job_id, "paused")
    drive.journal.request(job_id, "")
    until(drive, job_id, "running")
    job = until(drive, job_id, "paused")
    assert (job.count("failed"), job.count("planned")) == (6, GUESTS - 6)


def test_a_command_leaves_a_paused_job_to_resume(ram: Path, flavour: Flavour) -> None:
    """It ends, so that whoever sits there can mend the cause; another process goes on with the rest."""
    drive, job_id = begun(ram, flavour, "cli")
    job = carry_out(drive.executor(job_id), Interrupts(drive.clock), lambda job: None)  # type: ignore[arg-type]
    assert (job.state, job.count("failed"), job.count("planned")) == ("paused", 3, GUESTS - 3)
    drive.world.faults.clear()
    drive.journal.request(job_id, "")
    assert carry_out(drive.executor(job_id), Interrupts(drive.clock), lambda job: None).state == "done"  # type: ignore[arg-type]
