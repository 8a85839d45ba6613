"""A cluster whose nodes no longer let each other in: the job stops after three migrations that fail alike, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
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


@pytest.mark.parametrize("origin", ["cli", "schedule"])
def test_a_job_that_nobody_watches_ends(ram: Path, flavour: Flavour, origin: str) -> None:
    drive, job_id = begun(ram, flavour, origin)
    job = drive.finish(job_id)
    assert (job.state, job.count("failed"), job.count("cancelled")) == ("failed", 3, GUESTS - 3)
    assert job.message.startswith("nothing more was started: 3 migrations in a row failed alike from pve1")
    assert WORDS in job.message
    assert not drive.journal.held()
    assert sum(drive.world.started.values()) == 3


def test_a_job_of_the_tab_waits_and_goes_on_when_told(ram: Path, flavour: Flavour) -> None:
    drive, job_id = begun(ram, flavour, "web")
    job = until(drive, job_id, "paused")
    assert (job.count("failed"), job.count("planned")) == (3, GUESTS - 3)
    assert WORDS in job.message
    drive.world.faults.clear()
    drive.journal.request(job_id, "")
    job = drive.finish(job_id)
    assert job.state == "done", (job.message, job.steps)
    assert drive.guests_on("pve1") == []
