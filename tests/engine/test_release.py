"""After a drain: the guests come home, the hold and HA maintenance mode end, and what others have done meanwhile stays."""

from __future__ import annotations

from pathlib import Path

from drive import Drive
from engine.drains import bring_back, lab
from prs.engine.drain.release import left_by_release, plan_release
from prs.errors import HelperError
from simcluster.ha_rules import Resource, Rule
from simcluster.nouns import GiB
from simcluster.scenes import small
from simcluster.world import Flavour


def test_bring_back_ends_maintenance_and_returns_everyone(ram: Path, flavour: Flavour) -> None:
    """The service sends every guest home itself, those under HA too; then the node is an ordinary one again."""
    world = lab(flavour, 101, 102, 103)
    before = {vmid: guest.node for vmid, guest in world.guests.items()}
    drive = Drive(world, ram, switch=world.ha_maintenance)
    drive.run("pve1")
    assert drive.journal.held()["pve1"].maintenance
    world.clock.sleep(900)
    job = bring_back(drive)
    assert job.state == "done", (job.message, job.steps)
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before
    assert not world.ha.in_maintenance
    assert not drive.journal.held()
    assert not world.overfilled
    assert max(world.started.values()) == 2


def test_a_release_right_after_the_drain_brings_everyone_back(ram: Path, flavour: Flavour) -> None:
    """PVE has no load yet of guests that have just moved; the job knows what they carried."""
    world = lab(flavour)
    before = {vmid: guest.node for vmid, guest in world.guests.items()}
    drive = Drive(world, ram)
    drive.run("pve1")
    _, plan, _ = plan_release(drive.api, drive.holds, drive.journal.held()["pve1"], drive.clock.time())
    assert not plan.stays
    job = bring_back(drive)
    assert job.state == "done", (job.message, job.steps)
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before
    assert not world.overfilled


def test_a_step_starts_with_the_load_that_was_planned_when_pve_has_none_yet(ram: Path, flavour: Flavour) -> None:
    """Restarted or just arrived: PVE names no load in a guest's first minute, the plan did."""
    world = small(flavour)
    drive = Drive(world, ram)
    plan = drive.plan()
    assert plan.moves
    job = drive.queue(plan)
    for guest in world.guests.values():
        guest.born = world.clock.now
    world.clock.sleep(11)
    began = drive.clock.time()
    ended = drive.finish(job)
    assert max(step.started for step in ended.steps) - began < 5  # it does not wait until the minute is over
    assert {step.state for step in ended.steps} == {"done"}, (ended.message, ended.steps)
    assert not world.overfilled


def test_guests_kept_together_come_home_as_one(ram: Path, flavour: Flavour) -> None:
    """Each alone would break the rule that binds them; the manager of PVE does not take bound guests back at all."""
    world = small(flavour)
    if flavour == "8":
        for vmid in (101, 102):
            world.guests[vmid].tags = ("plb_affinity_pair",)
    else:
        world.ha.rules.rules.append(Rule("pair", ("vm:101", "vm:102")))
    for vmid in (101, 102):
        world.ha.add(Resource(world.guests[vmid].sid))
    world.clock.sleep(660)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    assert drive.run("pve1").state == "done"
    assert world.guests[101].node == world.guests[102].node != "pve1"
    world.clock.sleep(900)
    job = bring_back(drive)
    assert job.state == "done", (job.message, job.steps)
    assert world.guests[101].node == world.guests[102].node == "pve1"


def test_bring_back_leaves_alone_what_others_have_moved_and_what_no_longer_fits(ram: Path, flavour: Flavour) -> None:
    """Each guest that stays is named with the reason; the rest returns."""
    world = lab(flavour)
    drive = Drive(world, ram)
    job = drive.run("pve1")
    where = {step.vmid: step.target for step in job.steps}
    other = {"pve2": "pve3", "pve3": "pve2"}
    world.life.move(104, other[where[104]])
    world.life.vanish(105)
    world.guests[101].memory_max = 64 * GiB
    world.life.load(101, 60 * GiB)
    world.clock.sleep(1800)
    _, plan, _ = plan_release(drive.api, drive.holds, drive.journal.held()["pve1"], drive.clock.time())
    stays = {stay.vmid: stay.reason for stay in plan.stays}
    assert stays[104] == f"has been moved to {other[where[104]]} since"
    assert stays[105] == "the guest no longer exists"
    assert "has" in stays.get(101, "") or 101 in {move.vmid for move in plan.moves}
    back = bring_back(drive)
    assert back.state == "done", back.steps
    moved = {move.vmid for move in plan.moves}
    assert set(drive.guests_on("pve1")) == moved
    assert world.guests[104].node == other[where[104]]
    assert not drive.journal.held()


def test_a_way_back_that_cannot_end_maintenance_keeps_the_hold(ram: Path, flavour: Flavour) -> None:
    """The helper is gone when it is needed: nothing comes back, the end says why, and `release` can be called again."""
    world = lab(flavour, 101, 102)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    drive.run("pve1")
    world.clock.sleep(900)

    def gone(node: str, on: bool) -> None:
        raise HelperError("HA maintenance mode cannot be switched here: there is no helper")

    drive.switch = gone
    job = bring_back(drive)
    assert job.state == "failed"
    again = "pve1 is still kept empty; `release pve1` tries again to bring back what is left"
    assert job.message.endswith(f"there is no helper; {again}")
    assert drive.journal.held()["pve1"].maintenance
    assert world.ha.in_maintenance == {"pve1"}
    drive.switch = world.ha_maintenance
    world.clock.sleep(900)
    assert bring_back(drive).state == "done"
    assert not world.ha.in_maintenance
    assert not drive.journal.held()


def test_what_a_release_could_not_bring_back_stays_known_and_a_second_one_brings_it(ram: Path, flavour: Flavour) -> None:
    """Migrations that fail leave guests elsewhere: the end names the way to bring them, also after the node is no longer held."""
    world = lab(flavour)
    before = {vmid: guest.node for vmid, guest in world.guests.items()}
    drive = Drive(world, ram)
    drive.run("pve1")
    world.clock.sleep(900)
    world.faults.add({"task": "qmigrate", "guest": 102, "do": "fail", "words": "no space left on device", "after": 3})
    job = bring_back(drive)
    assert job.state == "partial"
    assert job.message.endswith("pve1 gets guests again; `release pve1` tries again to bring back what is left")
    assert "pve1" not in drive.holds.held()
    world.clock.sleep(900)
    left = left_by_release(drive.holds, "pve1")
    assert left is not None
    _, plan, policy = plan_release(drive.api, drive.holds, left, drive.clock.time())
    assert [(move.vmid, move.target) for move in plan.moves] == [(102, "pve1")]
    job = drive.finish(drive.journal.add_job(drive.journal.add_plan(plan, policy, "x"), "x", "cli", drive.clock.time()))
    assert job.state == "done", (job.message, job.steps)
    assert {vmid: guest.node for vmid, guest in world.guests.items()} == before
    assert left_by_release(drive.holds, "pve1") is None
