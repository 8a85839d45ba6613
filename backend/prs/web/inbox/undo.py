"""Plans the way back of a job that has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prs.engine.drain.release import plan_release
from prs.engine.drain.way_back import opened, plan_back, way_back
from prs.pve.read.candidates import inspect_guests
from prs.pve.read.snapshot import read_cluster
from prs.web.access.auth import Caller
from prs.web.api.refusal import Refusal
from prs.web.inbox.desk import Desk
from prs.web.inbox.jobs import visible
from prs.web.inbox.plans import complete, restriction
from prs.web.json_of import job_rights, plan_json


def undo(desk: Desk, who: Caller, asked: dict[str, Any]) -> dict[str, Any]:
    """The way back as a new plan of the caller's, to be confirmed like any other."""
    job = visible(desk, who, asked["job"])
    why = job_rights(job, who)["undo"]
    if not why["allowed"]:
        raise Refusal(409, "state", f"Not possible: {why['reason']}.")
    api, journal, holds = desk.api(who), desk.journal, desk.holds
    held = holds.own().get(job.node)
    if held is not None:
        # All drains of the node since it is kept empty belong together, and HA maintenance mode ends with them.
        cluster, plan, policy = plan_release(api, holds, held, desk.now())
    else:
        policy = way_back(job.policy, job.steps)
        cluster = restriction(who.rights, holds.held(), job.node)(read_cluster(api, desk.now(), policy.method, counts=policy.memory))
        there = {guest.vmid for guest in cluster.guests}
        cluster = inspect_guests(api, cluster, sorted({step.vmid for step in job.steps if step.state == "done"} & there))
        plan = plan_back(opened(cluster, job.node), policy, job, desk.now())
    plan = replace(complete(replace(plan, stays=()), cluster, {}), stays=plan.stays)  # a guest that stays may no longer exist
    return plan_json(journal.add_plan(plan, policy, who.name), who.name, plan)
