"""What the tests of drains share: a lab with guests under HA, and the way back as `release NODE` makes it."""

from __future__ import annotations

from drive import Drive
from prs.engine.drain.release import plan_release
from prs.engine.journal.jobs import Job
from prs.model import Policy
from simcluster.ha_rules import Resource
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
