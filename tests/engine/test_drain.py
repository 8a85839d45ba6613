"""A drain of guests under HA: they leave by the plan, and HA maintenance mode comes last, or not at all where it would do more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drive import Drive
from engine.drains import bring_back, lab
from prs.engine.drain.release import release_node
from prs.engine.execution.executor import TICK
from prs.errors import HelperError
from simcluster.ha_rules import Group, Resource, Rule
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts, small
from simcluster.world import Flavour, World


def test_ha_guests_leave_by_the_plan_and_the_mode_comes_last(ram: Path, flavour: Flavour) -> None:
    """Each guest under HA is sent to its planned target; only when the last one has left is the node put into maintenance mode."""
    world = lab(flavour, 101, 102, 103)
    drive = Drive(world, ram, switch=world.ha_maintenance)
    plan = drive.plan("pve1")
    job = drive.finish(drive.queue(plan))
    said = "pve1 is empty: the cluster shows no guest on it; HA maintenance mode of pve1 is on; no guest stands against a reboot now"
    assert (job.state, job.message) == ("done", said), job.steps
    assert drive.guests_on("pve1") == []
    assert world.ha.in_maintenance == {"pve1"}
    assert {move.vmid: move.target for move in plan.moves} == {move.vmid: world.guests[move.vmid].node for move in plan.moves}
    story = world.story()
    asked = next(index for index, line in enumerate(story) if "HA sees node pve1 as maintenance" in line)
    assert all(index < asked for index, line in enumerate(story) if "HA moves" in line)
    assert sum("hamigrate" in line and "started by prs" in line for line in story) == 3
    drive.assert_sound()


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
    assert set(words) == {"waiting: pve1 is to enter HA maintenance mode, at most 90 seconds"}
    assert asked[0] < next(step.started for step in job.steps if step.vmid == 104) < asked[0] + 60
    assert "the HA manager did not put pve1 into maintenance mode" in job.message


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
    assert "the helper for HA maintenance mode does not answer: Connection refused" in job.message
    assert not drive.journal.held()["pve1"].maintenance or not world.ha.in_maintenance
    drive.assert_sound()


def test_a_helper_that_changes_nothing(ram: Path, flavour: Flavour) -> None:
    """The HA manager may never act on the request: after a while the drain goes on without, and says so."""
    world = lab(flavour, 101)
    drive = Drive(world, ram, switch=lambda node, on: None)
    job = drive.run("pve1")
    assert job.state == "done"
    assert "the HA manager did not put pve1 into maintenance mode" in job.message


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
