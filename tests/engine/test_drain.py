"""The whole life of a drain: HA maintenance mode, the node kept empty, and the way back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from drive import Drive
from prs.engine.drain.release import plan_release, release_node
from prs.engine.execution.executor import TICK
from prs.engine.journal.jobs import Job
from prs.engine.journal.journal import Journal
from prs.errors import HelperError, PlanError
from prs.model import Policy
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.nouns import GiB
from simcluster.scenes import small
from simcluster.world import Flavour, World

ALL = Policy(containers=True)


def lab(flavour: Flavour, *vmids: int) -> World:
    """The small lab, long enough awake, with these guests under HA."""
    world = small(flavour)
    for vmid in vmids:
        world.ha.add(Resource(world.guests[vmid].sid))
    world.clock.sleep(660)
    return world


def bring_back(drive: Drive, node: str = "pve1") -> Job:
    """Release the node as `release NODE` does."""
    held = drive.journal.held()[node]
    _, plan, policy = plan_release(drive.api, drive.holds, held, drive.clock.time())
    plan_id = drive.journal.add_plan(plan, policy, drive.api.user)
    job_id = drive.journal.add_job(plan_id, "x", "cli", drive.clock.time(), maintenance=node if held.maintenance else "")
    return drive.finish(job_id)


def test_ha_moves_its_guests_and_they_count(ram: Path, flavour: Flavour) -> None:
    """With the helper the node enters maintenance first; what the HA manager moves by itself is done, wherever it chose to put it."""
    world = lab(flavour, 101, 102, 103)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    job = drive.run("pve1")
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it"), job.steps
    assert drive.guests_on("pve1") == []
    assert world.ha.in_maintenance == {"pve1"}
    by_ha = [step for step in job.steps if step.ha]
    assert sorted(step.vmid for step in by_ha) == [101, 102, 103]
    for step in by_ha:
        assert step.message.startswith(f"the HA manager moved it to {world.guests[step.vmid].node}")
        assert step.target == world.guests[step.vmid].node
    assert not any("hamigrate" in line for line in world.story())
    first_own = next(index for index, line in enumerate(world.story()) if "started by prs@pve!daemon" in line)
    assert all("started by prs" not in line for line in world.story()[:first_own])
    assert sum("HA moves" in line for line in world.story()[:first_own]) == 3
    drive.assert_sound()


def test_bring_back_ends_maintenance_and_returns_everyone(ram: Path, flavour: Flavour) -> None:
    """HA guests return by the HA manager, the others by us; then the node is an ordinary one again."""
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
    assert {step.message for step in job.steps if step.ha} == {"the HA manager moved it to pve1"}
    assert not world.overfilled
    assert max(world.started.values()) == 2


def test_without_helper_everything_is_ours(ram: Path, flavour: Flavour) -> None:
    """As before: HA guests are moved by requests to the HA manager, and nothing is switched."""
    world = lab(flavour, 101, 102)
    drive = Drive(world, ram)
    assert drive.run("pve1").state == "done"
    assert not world.ha.in_maintenance
    assert not drive.journal.held()["pve1"].maintenance
    world.clock.sleep(900)
    assert bring_back(drive).state == "done"
    assert sum("hamigrate" in line and "started by prs" in line for line in world.story()) == 4


def test_a_helper_that_refuses_is_told_of_and_worked_around(ram: Path, flavour: Flavour) -> None:
    """The drain still succeeds, guest by guest, and its end says what did not work."""

    def refuse(node: str, on: bool) -> None:
        raise HelperError("the helper for HA maintenance mode does not answer: Connection refused")

    world = lab(flavour, 101, 102)
    drive = Drive(world, ram, switch=refuse)
    job = drive.run("pve1")
    assert job.state == "done"
    assert job.message.endswith("the helper for HA maintenance mode does not answer: Connection refused")
    assert not drive.journal.held()["pve1"].maintenance or not world.ha.in_maintenance
    drive.assert_sound()


def test_a_helper_that_changes_nothing(ram: Path, flavour: Flavour) -> None:
    """The HA manager may never act on the request: after a while the drain goes on without, and says so."""
    world = lab(flavour, 101)
    drive = Drive(world, ram, switch=lambda node, on: None)
    job = drive.run("pve1")
    assert job.state == "done"
    assert job.message.endswith("the HA manager did not put pve1 into maintenance mode")


def test_maintenance_that_somebody_else_began_is_not_ended_by_us(ram: Path, flavour: Flavour) -> None:
    """The administrator's own maintenance outlives the drain, the hold and the release."""
    world = lab(flavour, 101, 107)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    world.ha_maintenance("pve1", True)
    world.clock.sleep(15)
    job = drive.finish(drive.queue(plan))
    assert job.state == "done", job
    held = drive.journal.held()["pve1"]
    assert not held.maintenance
    release_node(drive.holds, held, world.ha_maintenance)
    world.clock.sleep(60)
    assert world.ha.in_maintenance == {"pve1"}


def test_ha_guests_that_ha_cannot_place_are_moved_by_us_or_named(ram: Path, flavour: Flavour) -> None:
    """HA finds no node for a guest that is bound to pve1: the drain is refused before anything is switched."""
    world = lab(flavour, 101, 102)
    if flavour == "8":
        world.ha.rules.groups["home"] = Group("home", {"pve1": 0}, restricted=True)
        world.ha.resources["vm:101"].group = "home"
    else:
        world.ha.rules.rules.append(Rule("home", ("vm:101",), {"pve1": 0}, strict=True))
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    assert not plan.feasible
    assert [stay.vmid for stay in plan.blockers] == [101]
    assert not world.ha.in_maintenance


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


def test_bring_back_leaves_alone_what_others_have_moved_and_what_no_longer_fits(ram: Path, flavour: Flavour) -> None:
    """Each guest that stays is named with the reason; the rest returns."""
    world = lab(flavour)
    drive = Drive(world, ram)
    job = drive.run("pve1")
    where = {step.vmid: step.target for step in job.steps}
    other = {"pve2": "pve3", "pve3": "pve2"}
    world.life.move(104, other[where[104]])
    world.life.vanish(105)
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
    assert job.message.endswith("there is no helper")
    assert drive.journal.held()["pve1"].maintenance
    assert world.ha.in_maintenance == {"pve1"}
    drive.switch = world.ha_maintenance
    world.clock.sleep(900)
    assert bring_back(drive).state == "done"
    assert not world.ha.in_maintenance
    assert not drive.journal.held()


def test_a_cancelled_drain_releases_its_node_and_ends_maintenance(ram: Path, flavour: Flavour) -> None:
    """Whoever gives up a drain does not want the node kept empty; its end says what becomes of HA's guests."""
    world = lab(flavour, 101, 102)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    job_id = drive.queue(drive.plan("pve1"))
    executor = drive.executor(job_id)
    for _ in range(12):
        executor.tick()
        world.clock.sleep(TICK)
    assert world.ha.in_maintenance or world.ha.maintenance_requests
    drive.journal.request(job_id, "cancel")
    job = drive.finish(job_id)
    assert job.state == "cancelled"
    assert job.message.endswith("HA maintenance mode of pve1 was ended: the HA manager takes its guests back there")
    assert not drive.journal.held()
    world.clock.sleep(300)
    assert not world.ha.in_maintenance
    assert {101, 102} <= set(drive.guests_on("pve1"))


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
