"""A drain that breaks a rule of tags while the node is away, and the release that mends it."""

from __future__ import annotations

from pathlib import Path

from drive import Drive
from prs.engine.drain.release import plan_release
from prs.engine.rolling.rolling import Actions, Rolling
from prs.engine.rolling.runs import RollingRuns
from prs.model import Policy
from simcluster.scenario import from_json
from simcluster.scenes import add_accounts
from simcluster.world import Flavour

NODES = ("pve1", "pve2", "pve3")


def test_the_rule_is_broken_for_the_drain_only_and_mended_on_release(ram: Path, flavour: Flavour) -> None:
    alike = {"memory": 4, "cores": 2, "disks": {"scsi0": "ceph:10"}, "tags": ["plb_anti_affinity_db"]}
    guests = {str(101 + at): {"name": f"db{at}", "node": name, **alike} for at, name in enumerate(NODES)}
    data = {"flavour": flavour, "nodes": {name: {"memory": 32} for name in NODES}, "guests": guests}
    world = add_accounts(from_json({**data, "storages": {"ceph": {"type": "rbd", "shared": True, "total": 500}}}))
    world.clock.sleep(660)
    drive = Drive(world, ram, Policy(relax=("*",)))
    plan = drive.plan("pve1")
    assert plan.relaxed == ("tag plb_anti_affinity_db",)
    job = drive.finish(drive.queue(plan))
    assert job.state == "done", (job.message, job.steps)
    assert drive.guests_on("pve1") == []
    world.clock.sleep(900)
    _, back, policy = plan_release(drive.api, drive.holds, drive.journal.held()["pve1"], drive.clock.time())
    assert (policy.relax, policy.relaxed) == ((), ())
    job = drive.finish(drive.journal.add_job(drive.journal.add_plan(back, policy, drive.api.user), "x", "cli", drive.clock.time()))
    assert job.state == "done", (job.message, job.steps)
    assert [drive.guests_on(name) for name in NODES] == [[101], [102], [103]]
    assert not world.overfilled
    assert dict(world.started) == {101: 2}


def test_rolling_maintenance_breaks_the_rule_for_each_node_in_turn(ram: Path, flavour: Flavour) -> None:
    """Each node is emptied against the rule, reboots, and has its replica back before the next one's turn."""
    alike = {"memory": 4, "cores": 2, "disks": {"scsi0": "ceph:10"}, "tags": ["plb_anti_affinity_db"]}
    guests = {str(101 + at): {"name": f"db{at}", "node": name, **alike} for at, name in enumerate(NODES)}
    data = {"flavour": flavour, "nodes": {name: {"memory": 32} for name in NODES}, "guests": guests}
    world = add_accounts(from_json({**data, "storages": {"ceph": {"type": "rbd", "shared": True, "total": 500}}}))
    world.clock.sleep(660)
    drive = Drive(world, ram, Policy(relax=("*",)), "root@pam")
    runs = RollingRuns(drive.journal)
    actions = Actions(drive.finish, lambda: False, lambda words: None, world.ha_maintenance, False, drive.holds)
    run_id = runs.add(NODES, drive.policy, "root@pam", drive.clock.time())
    rolling_run = Rolling(drive.api, runs, drive.clock, run_id, actions).go()
    assert (rolling_run.state, rolling_run.message) == ("done", "")
    assert [drive.guests_on(name) for name in NODES] == [[101], [102], [103]]
    assert dict(world.started) == {101: 2, 102: 2, 103: 2}
