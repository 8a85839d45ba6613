"""A drained node is held: it gets no guests until it is released, whatever happens to the drain."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drive import Drive
from engine.drains import ALL, bring_back, lab
from prs.engine.drain.release import plan_release, release_node
from prs.engine.execution.executor import TICK
from prs.engine.journal.journal import Journal
from prs.errors import PlanError
from simcluster.nouns import GiB
from simcluster.world import Flavour


def test_a_drained_node_gets_nothing_until_it_is_released(ram: Path, flavour: Flavour) -> None:
    """Not by scheduled balancing, not by the drain of another node, not after a restart; the plan says why."""
    world = lab(flavour)
    drive = Drive(world, ram, ALL)
    assert drive.run("pve3").state == "done"
    world.clock.sleep(3600)
    drive.journal.close()
    drive.journal = Journal(drive.path)  # a restart
    plan = drive.plan()
    assert not [move for move in plan.moves if "pve3" in (move.source, move.target)]
    job = drive.journal.jobs()[0].id
    begun = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(drive.journal.held()["pve3"].since))
    reason = f"kept empty since its drain (job {job} by prs@pve!daemon, {begun}) until it is released"
    assert f"pve3 gets no guest: {reason}" in plan.warnings
    assert not next(load for load in plan.before if load.node == "pve3").active
    other = drive.plan("pve1")
    assert not [move for move in other.moves if move.target == "pve3"]
    release_node(drive.holds, drive.journal.held()["pve3"], world.ha_maintenance)
    assert [move for move in drive.plan().moves if move.target == "pve3"]


def test_a_job_that_was_already_under_way_sends_no_more_guests_there(ram: Path, flavour: Flavour) -> None:
    """A drain of pve1 has planned pve2 as a target when pve2's own drain begins: those guests get another target."""
    world = lab(flavour)
    for vmid in world.guests:
        world.life.load(vmid, 3 * GiB, 0.1)
    world.clock.sleep(1800)
    drive = Drive(world, ram, ALL)
    first = drive.queue(drive.plan("pve1"))
    moves = {step.vmid: step.target for step in drive.journal.job(first).steps}
    assert "pve2" in moves.values()
    second_plan = drive.plan("pve2")
    assert second_plan.feasible, second_plan.blockers
    second = drive.queue(second_plan)
    executors = [drive.executor(first), drive.executor(second)]
    for _ in range(4000):
        ended = [executor.tick() for executor in executors]
        if all(ended):
            break
        world.clock.sleep(TICK)
    jobs = [drive.journal.job(first), drive.journal.job(second)]
    assert [job.state for job in jobs] == ["done", "done"], [(job.message, job.steps) for job in jobs]
    assert drive.guests_on("pve1") == drive.guests_on("pve2") == []
    skipped = [step for step in jobs[0].steps if step.state == "skipped"]
    assert skipped
    assert all("pve2 is excluded: kept empty since its drain" in step.message for step in skipped)
    assert not world.overfilled


def test_a_cancelled_drain_releases_its_node_and_ends_maintenance(ram: Path, flavour: Flavour) -> None:
    """Whoever gives up a drain does not want the node kept empty; its end says so."""
    world = lab(flavour, 101)
    world.faults.add({"task": "qmigrate", "guest": 104, "do": "hang"})
    drive = Drive(world, ram, switch=world.ha_maintenance)
    job_id = drive.queue(drive.plan("pve1"))
    executor = drive.executor(job_id)
    while not (world.ha.in_maintenance or world.ha.maintenance_requests):
        assert not executor.tick()
        world.clock.sleep(TICK)
    drive.journal.request(job_id, "abort")
    job = drive.finish(job_id)
    assert job.state == "cancelled"
    assert job.message.endswith("HA maintenance mode of pve1 was ended")
    assert not drive.journal.held()
    world.clock.sleep(300)
    assert not world.ha.in_maintenance


def test_a_second_drain_of_the_node_keeps_the_first_hold(ram: Path, flavour: Flavour) -> None:
    """A drain that could not finish is repeated; cancelling the repetition does not open the node; the way back is from both."""
    world = lab(flavour)
    world.faults.add({"task": "qmigrate", "guest": 102, "do": "fail", "words": "no space left on device", "after": 3, "times": 2})
    drive = Drive(world, ram)
    assert drive.run("pve1").state == "partial"
    world.clock.sleep(900)
    assert drive.run("pve1").state == "done"
    repeated = drive.queue(drive.plan("pve1"))
    drive.journal.request(repeated, "cancel")
    assert drive.finish(repeated).state == "done"
    assert "pve1" in drive.journal.held()
    world.clock.sleep(900)
    assert bring_back(drive).state == "done"
    assert 102 in drive.guests_on("pve1")
    assert 101 in drive.guests_on("pve1")


def test_no_release_while_the_drain_goes_on(ram: Path, flavour: Flavour) -> None:
    """The drain has to end or be cancelled first."""
    drive = Drive(lab(flavour), ram)
    job_id = drive.queue(drive.plan("pve1"))
    with pytest.raises(PlanError, match=f"job {job_id} is still at work on pve1"):
        plan_release(drive.api, drive.holds, drive.journal.held()["pve1"], drive.clock.time())


def test_an_empty_node_is_held_too(ram: Path, flavour: Flavour) -> None:
    """The drain of a node without guests has nothing to move, and still keeps it empty."""
    world = lab(flavour)
    drive = Drive(world, ram, ALL)
    drive.run("pve3")
    release_node(drive.holds, drive.journal.held()["pve3"], world.ha_maintenance)
    job = drive.run("pve3")
    assert (job.state, job.steps) == ("done", ())
    assert "pve3" in drive.journal.held()
