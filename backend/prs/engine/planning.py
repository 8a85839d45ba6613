"""From PVE's answers to a plan: read the cluster, plan, look closer at the guests the plan would move, plan again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from prs.errors import PlanError
from prs.model import Cluster, Plan, Policy
from prs.planner.plan import Goal, plan_balance, plan_drain
from prs.pve.api import Api
from prs.pve.inspect import inspect_guests
from prs.pve.snapshot import read_cluster

# Each round examines at least one new guest; past this many rounds the rest is left where it is, and the plan says so.
ROUNDS = 25
NOT_EXAMINED = "the best plan found leaves it where it is"
# A plan of examined guests alone is taken when it is this close (spread) to one that would need more of them to be examined.
AS_GOOD = 0.005


@dataclass(frozen=True, slots=True)
class Wish:
    """What to plan: level the cluster (`drain` empty) or empty node `drain`, with its stopped guests or without."""

    drain: str = ""
    stopped: bool = True
    goal: Goal = "spread"
    leave: bool = False  # drain: move what can leave even if something cannot


def make_plan(
    api: Api, policy: Policy, now: float, wish: Wish | None = None, restrict: Callable[[Cluster], Cluster] | None = None
) -> tuple[Cluster, Plan]:
    """Read the cluster and plan until every guest that the plan moves has been examined; PlanError, PveError.

    `restrict` may mark guests that the caller has no right to move.
    """
    wish = wish or Wish()
    cluster = read_cluster(api, now, policy.method)
    cluster = restrict(cluster) if restrict else cluster
    if not cluster.quorate:
        raise PlanError("the cluster has no quorum: nothing can be migrated until a majority of its nodes is online")
    if wish.drain:
        here = [guest.vmid for guest in cluster.guests if guest.node == wish.drain and not guest.template]
        cluster = inspect_guests(api, cluster, here)
    for _ in range(ROUNDS):
        plan = what_if(cluster, policy, now, wish)
        pending = unexamined(cluster, plan)
        if not pending:
            return cluster, plan
        cluster = inspect_guests(api, cluster, pending)
        # A closer look changes loads a little, and with them the best plan: the guests at hand mostly make one as good.
        settled = what_if(_examined_only(cluster), policy, now, wish)
        if (settled.feasible or wish.leave) and settled.spread_after <= max(policy.spread, plan.spread_after + AS_GOOD):
            return cluster, settled
    return cluster, what_if(_examined_only(cluster), policy, now, wish)


def what_if(cluster: Cluster, policy: Policy, now: float, wish: Wish) -> Plan:
    """The plan for a cluster as it was read, without asking PVE anything."""
    if wish.drain:
        return replace(plan_drain(cluster, policy, wish.drain, now, stopped=wish.stopped, leave=wish.leave), stopped=wish.stopped)
    return plan_balance(cluster, policy, now, goal=wish.goal)


def unexamined(cluster: Cluster, plan: Plan) -> list[int]:
    """The vmids that the plan moves although PVE has not been asked about them yet, ascending."""
    moved = {move.vmid for move in plan.moves}
    return sorted(guest.vmid for guest in cluster.guests if guest.vmid in moved and not guest.inspected)


def _examined_only(cluster: Cluster) -> Cluster:
    left = tuple(guest if guest.inspected else replace(guest, blockers=(*guest.blockers, NOT_EXAMINED)) for guest in cluster.guests)
    return replace(cluster, guests=left)
