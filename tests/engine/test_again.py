"""A drain that waits for locks without holding anybody up, and that sends a guest elsewhere whose migration has failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
from prs.engine.journal.jobs import Job, Step
from prs.model import Policy
from simcluster.ha_rules import Resource
from simcluster.nouns import Disk, GiB
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts, small
from simcluster.world import Flavour, World

READY = "; no guest stands against a reboot now"
ON = "HA maintenance mode of pve1 is on"


def awake(flavour: Flavour) -> World:
    """The small lab, ten minutes old."""
    world = small(flavour)
    world.clock.sleep(600)
    return world


def last(job: Job, vmid: int) -> Step:
    """The guest's last step."""
    return [step for step in job.steps if step.vmid == vmid][-1]


def fail(world: World, vmid: int, **more: object) -> None:
    """Let migrations of the guest fail after 3 s."""
    world.faults.add({"task": "qmigrate", "guest": vmid, "do": "fail", "words": "no space left on device", "after": 3, **more})


def test_a_guest_in_backup_is_planned_and_moved_when_it_is_over(ram: Path, flavour: Flavour) -> None:
    """All others are gone long before; its disks, of which PVE tells nothing while it is locked, are those of its configuration."""
    world = awake(flavour)
    world.guests[102].disks = [Disk("scsi0", "local-zfs", 5 * GiB, name="vm-102-disk-0")]
    world.life.lock(102, "backup")
    drive = Drive(world, ram, Policy(parallel_total=1, parallel_node=1))
    plan = drive.plan("pve1")
    assert (plan.feasible, plan.moves[-1].vmid, plan.moves[-1].disk) == (True, 102, 5 * GiB)
    assert any(words.startswith("102 (web01) is locked (backup): the drain waits up to 30 minutes") for words in plan.warnings)
    world.clock.after(1200, lambda: world.life.lock(102, ""))
    unlocked = world.clock.time() + 1200
    job = drive.finish(drive.queue(plan))
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it; no guest stands against a reboot now")
    step = last(job, 102)
    assert (step.disk, step.total) == (5 * GiB, step.memory + 5 * GiB)
    assert unlocked <= step.started < unlocked + 15
    assert all(other.ended < unlocked - 900 for other in job.steps if other.vmid != 102)
    drive.assert_sound()


def test_a_lock_that_comes_later_holds_nobody_up(ram: Path, flavour: Flavour) -> None:
    """The first guest in the order is locked when its turn comes, and one migration may run at a time: the others take its turn."""
    world = awake(flavour)
    drive = Drive(world, ram, Policy(parallel_total=1, parallel_node=1))
    plan = drive.plan("pve1")
    first = plan.moves[0].vmid
    world.life.lock(first, "backup")
    world.clock.after(900, lambda: world.life.lock(first, ""))
    begun = world.clock.time()
    job = drive.finish(drive.queue(plan))
    assert job.state == "done"
    assert max(step.ended for step in job.steps if step.vmid != first) < begun + 300
    assert last(job, first).started >= begun + 900
    drive.assert_sound()


def test_a_lock_that_outlasts_the_wait(ram: Path, flavour: Flavour) -> None:
    """The step fails after half an hour in true words, and the job is not done; it is not waited for a second time."""
    world = awake(flavour)
    world.life.lock(102, "backup")
    drive = Drive(world, ram)
    begun = world.clock.time()
    job = drive.run("pve1")
    assert job.state == "partial"
    assert [(step.state, step.message) for step in job.steps if step.vmid == 102] == [
        ("failed", "locked (backup) for more than 30 minutes; it is still on pve1")
    ]
    assert job.count("done") == 6
    assert job.message == "6 of 7 migrations done; 1 guest is still on pve1: 102 (web01)"
    assert 1800 <= job.ended - begun < 2100
    drive.assert_sound()


def test_when_the_lock_is_gone_pve_decides(ram: Path, flavour: Flavour) -> None:
    """A device that was not there yet: the guest stays, in PVE's words. One that is there is known by its configuration."""
    world = awake(flavour)
    world.life.lock(102, "backup")
    drive = Drive(world, ram)
    plan = drive.plan("pve1")
    assert plan.feasible
    world.guests[102].config["hostpci0"] = "0000:01:00.0"
    assert [stay.vmid for stay in drive.plan("pve1").blockers] == [102]
    world.clock.after(300, lambda: world.life.lock(102, ""))
    job = drive.finish(drive.queue(plan))
    assert job.state == "partial"
    assert "uses PCI device hostpci0" in last(job, 102).message
    assert drive.guests_on("pve1") == [102]
    drive.assert_sound()


def test_a_guest_under_ha_in_backup(ram: Path, flavour: Flavour) -> None:
    """The HA manager tries it in vain while it is locked; that neither holds up the others nor counts as hopeless."""
    world = small(flavour)
    for vmid in (101, 102, 103):
        world.ha.add(Resource(f"vm:{vmid}"))
    world.clock.sleep(660)
    world.life.lock(102, "backup")
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    begun = world.clock.time()
    world.clock.after(900, lambda: world.life.lock(102, ""))
    job = drive.finish(drive.queue(plan))
    assert (job.state, job.message) == ("done", f"pve1 is empty: the cluster shows no guest on it; {ON}{READY}"), job.steps
    assert max(step.ended for step in job.steps if step.vmid != 102) < begun + 300
    assert last(job, 102).state == "done"
    assert not world.overfilled


def test_a_failed_migration_goes_elsewhere(ram: Path, flavour: Flavour) -> None:
    """The step that failed keeps its words, a new one goes to a target that was not tried, and the end tells of both."""
    world = awake(flavour)
    fail(world, 102)
    drive = Drive(world, ram)
    job = drive.run("pve1")
    tries = [step for step in job.steps if step.vmid == 102]
    assert [step.state for step in tries] == ["failed", "done"]
    assert "no space left on device" in tries[0].message
    assert {step.target for step in tries} == {"pve2", "pve3"}
    told = f"102 (web01) went to {tries[1].target} after its migration to {tries[0].target} had failed"
    assert (job.state, job.message) == ("done", f"pve1 is empty: the cluster shows no guest on it; {told}{READY}")
    assert world.started[102] == 2
    drive.assert_sound()


def many(flavour: Flavour) -> World:
    """Six nodes, of which five are empty, and one small guest."""
    nodes = {f"pve{number}": {"memory": 64, "cpu": 16, "host": 2} for number in range(1, 7)}
    guests = {"102": {"name": "web01", "node": "pve1", "memory": 4, "max": 4, "disks": {"scsi0": "ceph:20"}}}
    world = add_accounts(from_json({"flavour": flavour, "nodes": nodes, "guests": guests}))
    world.clock.sleep(600)
    return world


def test_tries_are_bounded_and_each_target_has_one(ram: Path, flavour: Flavour) -> None:
    """Three tries on three nodes, although two more nodes are there; the end names them."""
    world = many(flavour)
    fail(world, 102, times=0)
    drive = Drive(world, ram)
    job = drive.run("pve1")
    assert [step.state for step in job.steps] == ["failed"] * 3
    assert len({step.target for step in job.steps}) == 3
    assert job.state == "failed"
    assert job.message.startswith("0 of 1 migrations done; 1 guest is still on pve1: 102 (web01); 102 (web01) did not get to ")
    assert world.started[102] == 3
    drive.assert_sound()


@pytest.mark.parametrize("point", range(1, 40, 3))
def test_a_restart_between_the_tries_adds_none(point: int, ram: Path) -> None:
    """Whenever the process dies, the journal alone says which targets were tried."""
    world = many("9")
    fail(world, 102, times=0)
    drive = Drive(world, ram)
    job_id = drive.queue(drive.plan("pve1"))
    executor = drive.executor(job_id)
    for _ in range(point):
        executor.tick()
        drive.clock.sleep(2)
    job = drive.finish(job_id)
    assert [step.state for step in job.steps] == ["failed"] * 3
    assert world.started[102] == 3


def test_balancing_tries_nothing_again(ram: Path, flavour: Flavour) -> None:
    """A failed migration is no reason to disturb another node: the next run plans anew."""
    world = awake(flavour)
    drive = Drive(world, ram)
    plan = drive.plan()
    fail(world, plan.moves[0].vmid)
    job = drive.finish(drive.queue(plan))
    assert len(job.steps) == len(plan.moves)
    assert job.count("failed") == 1


@pytest.mark.parametrize("what", ["cancelled by a person", "locked afterwards", "cut off", "refused by the HA manager"])
def test_what_is_not_certain_or_not_wanted_is_not_tried_again(what: str, ram: Path, flavour: Flavour) -> None:
    """A migration that somebody cancelled, a lock that is left, a task that was killed, and the HA manager's own no."""
    world = small(flavour)
    if what == "refused by the HA manager":
        world.ha.add(Resource("vm:102"))
        world.faults.add({"task": "hamigrate", "guest": 102, "do": "ignore"})
    world.clock.sleep(600)
    drive = Drive(world, ram)
    job_id = drive.queue(drive.plan("pve1"))
    if what == "cancelled by a person":
        world.faults.add({"task": "qmigrate", "guest": 102, "after": 3, "do": "cancel"})
    elif what == "cut off":
        world.faults.add({"task": "qmigrate", "guest": 102, "after": 3, "do": "kill", "for": 60, "with": {"node": "pve1"}})
    elif what == "locked afterwards":
        fail(world, 102)
        world.faults.add({"task": "qmigrate", "guest": 102, "after": 5, "do": "lock", "with": {"word": "migrate"}})
    job = drive.finish(job_id)
    tries = [step for step in job.steps if step.vmid == 102]
    assert [step.state for step in tries] == ["failed"], tries
    assert 102 in drive.guests_on("pve1")
    assert not world.overfilled


def test_a_request_without_answer_to_a_node_that_dies_is_not_sent_again(ram: Path, flavour: Flavour) -> None:
    """PVE had started it and not yet locked the guest, the answer was lost, and only the dead node's own list of tasks could tell."""
    world = awake(flavour)
    post = {"on": "POST /nodes/{node}/qemu/{vmid}/migrate", "guest": 102}
    world.faults.add({**post, "do": "answer", "status": 596, "words": "Connection timed out", "carry_out": True})
    world.faults.add({"task": "qmigrate", "guest": 102, "after": 0, "do": "hang"})
    world.faults.add({"task": "qmigrate", "guest": 102, "after": 8, "do": "kill", "with": {"node": "pve1"}, "for": 120})
    drive = Drive(world, ram)
    job = drive.run("pve1")
    step = last(job, 102)
    assert (step.state, step.message, step.attempts) == ("failed", "unexpected status", 1)
    assert world.started[102] == 1
    assert world.guests[102].node == "pve1"


def test_a_cancelled_drain_tries_nothing_again(ram: Path, flavour: Flavour) -> None:
    """Whoever cancels wants no more migrations, however the running ones end."""
    world = awake(flavour)
    fail(world, 102)
    drive = Drive(world, ram)
    job_id = drive.queue(drive.plan("pve1"))
    executor = drive.executor(job_id)
    while not any(step.vmid == 102 and step.state == "running" for step in drive.journal.job(job_id).steps):
        executor.tick()
        drive.clock.sleep(1)
    drive.journal.request(job_id, "cancel")
    job = drive.finish(job_id)
    assert job.state == "cancelled"
    assert [step.state for step in job.steps if step.vmid == 102] == ["failed"]
