"""Guests that cannot move and are shut down while their node is empty: agreed to one by one, the last to go, and never left off."""

from __future__ import annotations

from pathlib import Path

import pytest

from drive import Drive
from engine.house import House
from engine.test_rolling import Killed, Site
from prs.engine.drain.release import plan_release
from prs.engine.execution import rides
from prs.engine.journal.jobs import Job
from prs.engine.journal.rides import drains_with_rides, set_ride
from prs.engine.planning import PlanRequest, make_plan
from prs.errors import PlanError
from prs.model import Policy
from simcluster import InProcessApi
from simcluster.access import User
from simcluster.ha_rules import Resource
from simcluster.scenes import small
from simcluster.world import Flavour, World

NODE = "pve1"


def bound(flavour: Flavour, *ha: int) -> World:
    """The small lab with a guest of pve1, 105, that is bound to its hardware."""
    world = small(flavour)
    for vmid in ha:
        world.ha.add(Resource(world.guests[vmid].sid))
    world.guests[105].config["hostpci0"] = "0000:01:00.0"
    for guest in world.guests.values():
        world.life.load(guest.vmid, guest.memory // 2)
    world.clock.sleep(660)
    return world


def drive(world: World, folder: Path, *rides: int, kill_after: int = 0) -> Drive:
    return Drive(world, folder, Policy(containers=True, rides=rides, kill_after=kill_after), "root@pam", world.ha_maintenance)


def back(site: Drive) -> Job:
    """`release pve1`."""
    held = site.journal.held()[NODE]
    _, plan, policy = plan_release(site.api, site.holds, held, site.clock.time())
    plan_id = site.journal.add_plan(plan, policy, site.api.user)
    job_id = site.journal.add_job(plan_id, "x", "cli", site.clock.time(), maintenance=NODE if held.maintenance else "")
    return site.finish(job_id, pause=10)


def test_it_is_shut_down_last_and_started_again_on_release(ram: Path, flavour: Flavour) -> None:
    world = bound(flavour)
    site = drive(world, ram, 105)
    plan = site.plan(NODE)
    assert plan.feasible
    assert [ride.vmid for ride in plan.rides] == [105]
    assert 105 not in [move.vmid for move in plan.moves]
    job = site.finish(site.queue(plan), pause=10)
    assert job.state == "done", job.message
    assert "pve1 is empty but for 105, which is shut down until then" in job.message
    assert site.guests_on(NODE) == [105]
    assert world.guests[105].status == "stopped"
    story = world.story("task")
    assert [line for line in story if "qmshutdown" in line][-1] == [line for line in story if "qm" in line][-1], "the others left first"
    job = back(site)
    assert job.state == "done", job.message
    assert world.guests[105].status == "running"
    assert not drains_with_rides(site.journal)
    assert site.journal.job(site.journal.jobs()[-1].id).rides[0].state == "running"
    assert not world.overfilled
    assert not world.schema_errors


def test_without_a_word_of_agreement_it_blocks_the_drain(ram: Path) -> None:
    site = drive(bound("9"), ram)
    assert [stay.vmid for stay in site.plan(NODE).blockers] == [105]


def test_it_is_not_shut_down_for_a_node_on_which_another_guest_has_to_stay(ram: Path, flavour: Flavour) -> None:
    """It would be off for nothing: the node is not empty in the end."""
    world = bound(flavour)
    site = drive(world, ram, 105)
    plan = site.plan(NODE)
    stays = plan.moves[-1].vmid
    world.guests[stays].lock = "backup"
    job = site.finish(site.queue(plan), pause=10)
    assert job.state == "partial", job.message
    assert site.guests_on(NODE) == sorted([stays, 105])
    assert world.guests[105].status == "running"
    assert not [line for line in world.story("task") if "shutdown" in line]
    assert job.rides[0].state in ("planned", "skipped")


def test_it_is_not_shut_down_for_a_node_with_a_guest_that_is_hidden(ram: Path, flavour: Flavour) -> None:
    """All that can be seen has left, and still the node is not empty."""
    world = bound(flavour)
    hidden = min(vmid for vmid, guest in world.guests.items() if guest.node == NODE and vmid != 105)
    world.access.add(User("team@pve", "x"), ("/", "PVEAdmin"), (f"/vms/{hidden}", "NoAccess"))
    site = Drive(world, ram, Policy(containers=True, rides=(105,)), "team@pve")
    _, plan = make_plan(site.api, site.policy, site.clock.time(), PlanRequest(NODE, leave=True), roster=site.roster)
    assert [ride.vmid for ride in plan.rides] == [105]
    job = site.finish(site.queue(plan), pause=10)
    assert site.guests_on(NODE) == [hidden, 105], job.message
    assert (job.state, world.guests[105].status) == ("partial", "running"), job.message
    assert not [line for line in world.story("task") if "shutdown" in line]


def test_one_that_does_not_obey_is_not_killed_and_the_node_not_empty(ram: Path) -> None:
    world = bound("9")
    world.guests[105].stops = False
    site = drive(world, ram, 104, 105)
    job = site.finish(site.queue(site.plan(NODE)), pause=10)
    assert job.state == "partial"
    assert "105 (monitor) did not shut down: VM quit/powerdown failed - got timeout" in job.message
    assert world.guests[105].status == "running"
    assert world.guests[104].status == "running", "it would be off for nothing"
    assert not drains_with_rides(site.journal)


def test_killed_only_where_that_was_agreed_to(ram: Path) -> None:
    world = bound("9")
    world.guests[105].stops = False
    site = drive(world, ram, 105, kill_after=30)
    job = site.finish(site.queue(site.plan(NODE)), pause=10)
    assert job.state == "done", job.message
    assert any("is killed" in line for line in world.story("guest"))


def test_a_guest_under_ha_is_asked_through_ha_and_given_back_as_it_was(ram: Path, flavour: Flavour) -> None:
    """PVE's manager kills a VM that does not obey, so that has to be agreed to."""
    world = bound(flavour, 101, 105)
    with pytest.raises(PlanError, match=r"105 \(monitor\): the HA manager kills a VM .* --kill-after SECONDS"):
        drive(world, ram, 105).plan(NODE)
    site = drive(world, ram, 105, kill_after=60)
    job = site.finish(site.queue(site.plan(NODE)), pause=10)
    assert job.state == "done", job.message
    assert (world.guests[105].status, world.ha.resources["vm:105"].state) == ("stopped", "stopped")
    job = back(site)
    assert job.state == "done", job.message
    assert (world.guests[105].status, world.ha.resources["vm:105"].state) == ("running", "started")
    assert world.guests[105].node == NODE
    assert not world.ha.in_maintenance


def test_a_cancelled_drain_starts_it_again(ram: Path) -> None:
    world = bound("9")
    site = drive(world, ram, 105)
    job_id = site.queue(site.plan(NODE))
    executor = site.executor(job_id)
    while site.journal.job(job_id).rides[0].state != "stopping":
        assert not executor.tick()
        site.clock.sleep(2)
    site.journal.request(job_id, "cancel")
    job = site.finish(job_id, pause=10)
    assert job.state == "cancelled"
    site.clock.sleep(600)
    assert world.guests[105].status == "running"
    assert not drains_with_rides(site.journal)


def test_a_paused_drain_neither_ends_nor_starts_it(ram: Path) -> None:
    """As when the terminal is closed: `resume` goes on."""
    world = bound("9")
    site = drive(world, ram, 105)
    job_id = site.queue(site.plan(NODE))
    executor = site.executor(job_id)
    while site.journal.job(job_id).rides[0].state != "stopping":
        assert not executor.tick()
        site.clock.sleep(2)
    site.journal.request(job_id, "pause")
    for _ in range(5):
        assert not executor.tick()
        site.clock.sleep(10)
    assert (site.journal.job(job_id).state, world.guests[105].status) == ("paused", "stopped")
    site.journal.request(job_id, "")
    assert site.finish(job_id, pause=10).state == "done"
    assert world.guests[105].status == "stopped"


def test_one_that_does_not_start_is_named_and_tried_again_by_the_next_release(ram: Path) -> None:
    world = bound("9")
    site = drive(world, ram, 105)
    assert site.finish(site.queue(site.plan(NODE)), pause=10).state == "done"
    fault = {"on": "POST /nodes/{node}/qemu/{vmid}/status/start", "do": "answer", "status": 500, "words": "no such device", "times": 0}
    world.faults.add(fault)
    job = back(site)
    assert job.state == "partial"
    assert "105 (monitor) could not be started: no such device" in job.message
    assert world.guests[105].status == "stopped"
    assert drains_with_rides(site.journal, NODE)


def test_the_service_starts_what_everybody_has_forgotten(ram: Path) -> None:
    """The node was released while nobody looked at its guests, as by another host."""
    house = House(ram, "9")
    house.service._connect = lambda: InProcessApi(house.world)  # type: ignore[method-assign]
    house.world.guests[105].config["hostpci0"] = "0000:01:00.0"
    site = drive(house.world, ram, 105)
    assert site.finish(site.queue(site.plan(NODE)), pause=10).state == "done"
    house.live(30)
    assert house.world.guests[105].status == "stopped"
    site.journal.release(NODE)
    house.live(60)
    assert house.world.guests[105].status == "running"
    assert not drains_with_rides(site.journal)


def test_the_right_to_do_so_is_looked_at_before_anything_happens(ram: Path) -> None:
    world = bound("9")
    site = Drive(world, ram, Policy(containers=True, rides=(105,)), "prs@pve!daemon", world.ha_maintenance)
    assert "needs VM.PowerMgmt on /vms/105" in site.plan(NODE).lacking
    assert not world.started






@pytest.mark.parametrize("point", [1, 2, 4, 7, 9])
def test_killed_anywhere_it_is_never_forgotten(ram: Path, monkeypatch: pytest.MonkeyPatch, point: int) -> None:
    """Before or after each write of a ride: who goes on brings it down or up, and at the end it runs."""
    world = bound("9")
    site, left = drive(world, ram, 105), [point]
    write = set_ride

    def fused(*arguments: object, **changes: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        write(*arguments, **changes)  # type: ignore[arg-type]
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(rides, "set_ride", fused)
    job_id = site.queue(site.plan(NODE))
    try:
        job = site.finish(job_id, pause=10)
    except Killed:
        job = site.finish(job_id, pause=10)
    assert job.state == "done", job.message
    assert world.guests[105].status == "stopped"
    try:
        back(site)
    except Killed:
        for job in site.journal.jobs(only_open=True):
            site.finish(job.id, pause=10)
    assert world.guests[105].status == "running"
    assert not drains_with_rides(site.journal)


def test_a_rolling_run_takes_it_along(ram: Path) -> None:
    """Off only between the drain and the way back; the node reboots without a running guest."""
    site = Site(ram, "9", world=bound("9"))
    site.drive.policy = Policy(containers=True, rides=(105,))
    run = site.go(site.begin("pve1"), lambda job_id: site.drive.finish(job_id, pause=10))
    assert (run.state, run.message) == ("done", ""), run
    assert site.places == site.before
    assert all(guest.status == "running" for guest in site.world.guests.values() if guest.vmid in (101, 105))
