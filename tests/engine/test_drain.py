"""The whole life of a drain: HA maintenance mode, the node kept empty, and the way back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

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
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts, small
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


def test_ha_guests_leave_by_the_plan_and_the_mode_comes_last(ram: Path, flavour: Flavour) -> None:
    """Each guest under HA is sent to its planned target; only when the last one has left is the node put into maintenance mode."""
    world = lab(flavour, 101, 102, 103)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    job = drive.finish(drive.queue(plan))
    assert (job.state, job.message) == ("done", "pve1 is empty: the cluster shows no guest on it"), job.steps
    assert drive.guests_on("pve1") == []
    assert world.ha.in_maintenance == {"pve1"}
    assert {move.vmid: move.target for move in plan.moves} == {move.vmid: world.guests[move.vmid].node for move in plan.moves}
    story = world.story()
    asked = next(index for index, line in enumerate(story) if "HA sees node pve1 as maintenance" in line)
    assert all(index < asked for index, line in enumerate(story) if "HA moves" in line)
    assert sum("hamigrate" in line and "started by prs" in line for line in story) == 3
    drive.assert_sound()


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


def preferring(flavour: Flavour, *nodes: str) -> World:
    """The lab with 101 under HA, which a rule (a group) prefers to have on pve1, then on these nodes."""
    world = small(flavour)
    ranks = {"pve1": 2, **dict.fromkeys(nodes, 1)}
    if flavour == "8":
        world.ha.rules.groups["home"] = Group("home", ranks)
    else:
        world.ha.rules.rules.append(Rule("home", ("vm:101",), ranks))
    world.ha.add(Resource("vm:101", group="home" if flavour == "8" else ""))
    world.ha.add(Resource("vm:102"))
    world.clock.sleep(660)
    return world


def test_a_guest_that_ha_would_take_back_leaves_by_the_mode(ram: Path, flavour: Flavour) -> None:
    """It waits until the others under HA have left; then the mode comes on, and the manager takes it to a node where it fits."""
    world = preferring(flavour, "pve2", "pve3")
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    told = [words for words in plan.warnings if words.startswith("101 (")]
    assert len(told) == 1
    assert told[0].endswith("would take it back: the HA manager chooses among pve2, pve3, and it fits on each of them.")
    job = drive.finish(drive.queue(plan))
    assert job.state == "done", (job.message, job.steps)
    step = next(step for step in job.steps if step.vmid == 101)
    assert step.message.startswith(f"the HA manager moved it to {world.guests[101].node}")
    assert world.ha.in_maintenance == {"pve1"}
    world.clock.sleep(1200)
    assert drive.guests_on("pve1") == []
    back = bring_back(drive)
    assert back.state == "done", (back.message, back.steps)
    assert world.guests[101].node == "pve1"


def test_a_guest_that_ha_would_take_back_needs_room_wherever_ha_may_put_it(ram: Path, flavour: Flavour) -> None:
    """The manager counts services and no memory, so one full node among those it may choose is enough for a refusal."""
    rule: dict[str, Any] = {"rules": {"home": {"resources": ["vm:101"], "nodes": {"pve1": 2, "pve2": 1, "pve3": 1}}}}
    if flavour == "8":
        rule = {"groups": {"home": {"nodes": {"pve1": 2, "pve2": 1, "pve3": 1}}}}
    resources = {"vm:101": {"group": "home"} if flavour == "8" else {}}
    nodes = {name: {"memory": 64, "cpu": 16, "host": host} for name, host in (("pve1", 2), ("pve2", 2), ("pve3", 50))}
    guest = {"node": "pve1", "memory": 20, "max": 20, "cpu": 0.5, "cores": 4, "disks": {"scsi0": "ceph:20"}}
    scene = {"flavour": flavour, "nodes": nodes, "guests": {"101": {**guest, "name": "db"}}, "ha": {"resources": resources, **rule}}
    world = add_accounts(from_json(scene))
    world.clock.sleep(660)
    plan = Drive(world, ram, switch=world.ha_maintenance).plan("pve1")
    assert [stay.vmid for stay in plan.blockers] == [101]
    assert "the HA manager may put it on pve3: needs 20.0 GiB of memory" in plan.blockers[0].reason
    assert not plan.moves


def test_without_a_helper_a_guest_that_ha_takes_back_is_a_blocker(ram: Path, flavour: Flavour) -> None:
    """Nothing that we can do keeps it away from its node for good."""
    plan = Drive(preferring(flavour), ram).plan("pve1")
    assert [stay.vmid for stay in plan.blockers] == [101]
    assert "would take it back to pve1" in plan.blockers[0].reason
    assert "ha-manager crm-command node-maintenance enable pve1" in plan.blockers[0].reason


def test_the_mode_stays_off_while_a_guest_under_ha_stays(ram: Path, flavour: Flavour) -> None:
    """A migration that fails leaves one behind: the mode would drive it away to a node that nobody has planned."""
    world = lab(flavour, 101, 102)
    world.faults.add({"task": "qmigrate", "guest": 102, "do": "fail", "words": "no space left on device", "after": 3, "times": 9})
    drive = Drive(world, ram, switch=world.ha_maintenance)
    job = drive.run("pve1")
    assert job.state == "partial"
    assert job.message.endswith("HA maintenance mode of pve1 stays off, because 102 under HA is still there")
    assert drive.guests_on("pve1") == [102]
    assert not world.ha.in_maintenance


def test_the_mode_stays_off_while_a_guest_has_nowhere_else_to_go(ram: Path, flavour: Flavour) -> None:
    """Its only other node dies: the mode would have PVE's manager move it whenever that node comes back, long after the job."""
    world, ranks = small(flavour), {"pve1": 1, "pve2": 1}
    if flavour == "8":
        world.ha.rules.groups["home"] = Group("home", ranks, restricted=True)
    else:
        world.ha.rules.rules.append(Rule("home", ("vm:101",), ranks, strict=True))
    world.ha.add(Resource("vm:101", group="home" if flavour == "8" else ""))
    world.clock.sleep(660)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    job_id = drive.queue(drive.plan("pve1"))
    assert not drive.executor(job_id).tick()
    world.life.kill("pve2")
    job = drive.finish(job_id)
    assert job.state == "partial"
    assert job.message.endswith("HA maintenance mode of pve1 stays off, because 101 under HA is still there")
    assert drive.guests_on("pve1") == [101]
    assert not world.ha.in_maintenance


def test_what_does_not_depend_on_the_mode_does_not_wait_for_it(ram: Path, flavour: Flavour) -> None:
    """While the HA manager takes its time, guests without HA go on leaving, and the screen says what is waited for all the time."""
    world = lab(flavour, 101)
    asked: list[float] = []
    drive = Drive(world, ram, switch=lambda node, on: asked.append(world.clock.time()))
    job_id = drive.queue(drive.plan("pve1"))
    executor, words = drive.executor(job_id), list[str]()
    world.guests[104].lock = "backup"  # so that it leaves only while the mode is waited for
    while not executor.tick():
        if asked:
            world.guests[104].lock = ""
        job = drive.journal.job(job_id)
        if asked and world.clock.time() < asked[0] + 60:
            words.append(job.message)
        world.clock.sleep(TICK)
    job = drive.journal.job(job_id)
    assert set(words) == {"waiting: pve1 is to enter HA maintenance mode"}
    assert asked[0] < next(step.started for step in job.steps if step.vmid == 104) < asked[0] + 60
    assert job.message.endswith("the HA manager did not put pve1 into maintenance mode")


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
