"""How the turn of a node in a rolling run looks before anything begins: its drain's plan and every gate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling.gates import Gate, gates
from prs.model import Plan, Policy
from prs.pve.api import Api


@dataclass(frozen=True, slots=True)
class Turn:
    """One node: the plan that empties it as the cluster is now, and its gates in the order they are looked at."""

    node: str
    plan: Plan
    gates: tuple[Gate, ...]

    @property
    def possible(self) -> bool:
        """Whether the node can be emptied as things are."""
        return self.plan.feasible and not self.plan.lacking

    @property
    def shut(self) -> tuple[Gate, ...]:
        """The gates that are shut now."""
        return tuple(gate for gate in self.gates if gate.reason)


def preview(api: Api, holds: Holds, policy: Policy, node: str, now: float, maintenance: bool = True) -> Turn:
    """Look at one node's turn; nothing is changed. `maintenance`: HA maintenance mode may be switched. PlanError, PveError."""
    held, request = holds.held(), PlanRequest(drain=node, maintenance=maintenance)
    cluster, plan = make_plan(api, policy, now, request, lambda cluster: keep_out(cluster, held, node), holds.roster)
    kinds = {guest.vmid: guest.kind for guest in cluster.guests}
    blockers = tuple(replace(stay, kind=kinds.get(stay.vmid, "")) for stay in plan.blockers)
    return Turn(node, replace(plan, blockers=blockers), gates(api, now, node))
