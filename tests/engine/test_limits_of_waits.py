"""What a job waits for says for how long at the most, stays to be read while it lasts, and holds up nothing that does not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drive import Drive
from prs.engine.execution.executor import NEWCOMER_PATIENCE, TICK
from prs.engine.execution.starter import OTHERS, PATIENCE
from prs.engine.journal.jobs import Job
from prs.model import Policy
from simcluster.scenario import guest
from simcluster.scenes import small
from simcluster.world import World

LIMITS = ("at most", "as long as", "given up after")


def lived(drive: Drive, job_id: str, look: Callable[[Job], None], limit: float = 7200.0) -> Job:
    """The ended job; `look` sees it after every round, and every wait has to name its limit."""
    executor, began = drive.executor(job_id), drive.clock.time()
    while not executor.tick():
        job = drive.journal.job(job_id)
        for words in (job.message, *(step.message for step in job.steps if step.open)):
            assert not words.startswith(("waiting", "no word")) or any(limit in words for limit in LIMITS), words
        look(job)
        assert drive.clock.time() - began < limit
        drive.clock.sleep(TICK)
    return drive.journal.job(job_id)


@pytest.fixture
def world() -> World:
    """The small lab, long enough awake."""
    world = small("9")
    world.clock.sleep(600)
    return world


def test_a_lost_quorum_is_waited_for_in_words_that_stay_and_not_for_ever(ram: Path, world: World) -> None:
    drive, said = Drive(world, ram), list[str]()
    job_id = drive.queue(drive.plan("pve1"))
    world.life.quorum(False)
    began = drive.clock.time()
    job = lived(drive, job_id, lambda job: said.append(job.message))
    assert said.count("waiting: the cluster has no quorum, at most 15 minutes") > 0.8 * len(said)
    assert PATIENCE <= drive.clock.time() - began < PATIENCE + NEWCOMER_PATIENCE + 60
    why = "not started, because for 15 minutes the cluster has no quorum"
    assert {(step.state, step.message) for step in job.steps} == {("skipped", why)}
    assert job.state == "failed"
    world.life.quorum(True)
    assert drive.run("pve1").state == "done"


def test_a_quorum_that_comes_back_in_time_is_no_end(ram: Path, world: World) -> None:
    drive = Drive(world, ram)
    job_id, began = drive.queue(drive.plan("pve1")), drive.clock.time()
    world.life.quorum(False)

    def look(job: Job) -> None:
        if drive.clock.time() - began > PATIENCE / 2 and not world.quorate:
            world.life.quorum(True)

    assert lived(drive, job_id, look).state == "done"


def test_a_locked_guest_says_its_limit_and_holds_up_no_other(ram: Path, world: World) -> None:
    drive = Drive(world, ram)
    job_id = drive.queue(drive.plan("pve1"))
    world.guests[102].lock = "backup"
    job = lived(drive, job_id, lambda job: None)
    held = next(step for step in job.steps if step.vmid == 102)
    assert (held.state, held.message) == ("failed", "locked (backup) for more than 30 minutes; it is still on pve1")
    assert all(step.state == "done" and step.ended < held.ended - 600 for step in job.steps if step is not held)


def test_a_job_behind_another_one_says_so(ram: Path, world: World) -> None:
    drive = Drive(world, ram, Policy(containers=True, parallel_total=1))
    first, second = drive.queue(drive.plan("pve1")), drive.queue(drive.plan("pve2"))
    executor, words = drive.executor(first), list[str]()

    def look(job: Job) -> None:
        words.extend((job.message, drive.journal.job(first).message))
        if drive.journal.job(first).open:
            executor.tick()

    lived(drive, second, look)
    assert OTHERS in words


def test_a_guest_that_came_during_a_drain_and_has_no_place_is_named_and_waited_for(ram: Path, world: World) -> None:
    """For some minutes, as a new guest has no figures yet; here it can go nowhere."""
    drive, said = Drive(world, ram, Policy(containers=True)), list[float]()
    job_id = drive.queue(drive.plan("pve1"))
    world.life.appear(guest(555, {"node": "pve1", "name": "late", "memory": 1, "disks": {"scsi0": "ceph:4"}}))
    world.guests[555].config["hostpci0"] = "0000:01:00.0"

    def look(job: Job) -> None:
        if "waiting: no place is known yet for 555 (late), which is still on pve1, at most 3 minutes" in job.message:
            said.append(drive.clock.time())

    job = lived(drive, job_id, look)
    assert NEWCOMER_PATIENCE - 2 * TICK <= said[-1] - said[0] <= NEWCOMER_PATIENCE + 10 * TICK
    assert job.state == "partial"
    assert "555" in job.message
    assert drive.guests_on("pve1") == [555]
