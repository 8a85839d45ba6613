"""Plans for the cluster as it might become: with nodes added or lost, with loads scaled; none of them is ever carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from prs.engine.planning import PlanRequest, make_plan, unexamined, what_if
from prs.model import Cluster, Plan, Policy
from prs.planner.supposed import Suppose, supposed
from prs.pve.api import Api
from prs.pve.roster import Roster


def plan_supposed(cluster: Cluster, policy: Policy, request: PlanRequest, suppose: Suppose) -> tuple[Cluster, Plan]:
    """The cluster as it would be, and the plan for it; a plan for a cluster as it was read where nothing is supposed. PlanError."""
    then = supposed(cluster, suppose)
    plan = what_if(then, policy, cluster.taken, request)
    guessed = len(unexamined(then, plan)) if suppose else 0
    words = (f"Guests of this plan that had not been examined, so that PVE may refuse their moves: {guessed}.",) if guessed else ()
    return then, replace(plan, supposed=bool(suppose), warnings=(*plan.warnings, *words))


def make_supposed(
    api: Api, policy: Policy, now: float, request: PlanRequest, suppose: Suppose, restrict: Callable[[Cluster], Cluster] | None = None,
    roster: Roster | None = None,
) -> tuple[Cluster, Plan]:
    """Read the cluster as `make_plan` does and plan for what it might become; PlanError, PveError."""
    cluster, plan = make_plan(api, policy, now, request, restrict, roster)
    return plan_supposed(cluster, policy, request, suppose) if suppose else (cluster, plan)
