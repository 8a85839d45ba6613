"""Whether a plan that has waited still holds, held against a fresh reading of the cluster."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.model import Cluster, Plan, Policy
from prs.planner.plan import check_plan
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster


def look(api: Api, holds: Holds, plan: Plan, policy: Policy, now: float) -> tuple[Cluster, list[str]]:
    """The cluster, and what stands against a balancing plan by now, one sentence each; PveError. No budget binds it any more."""
    cluster = keep_out(read_cluster(api, now, plan.method, counts=policy.memory), holds.held())
    if not cluster.quorate:
        return cluster, ["the cluster has no quorum: nothing can be migrated"]
    return cluster, check_plan(cluster, replace(policy, max_moves=None, max_bytes=None), plan)
