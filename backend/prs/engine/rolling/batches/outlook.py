"""How the turns of nodes in a round look before anything begins: the plan of each drain, and every gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling.batches.afterwards import afterwards
from prs.engine.rolling.gates import Gate, gates
from prs.model import Plan, Policy
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster


@dataclass(frozen=True, slots=True)
class Turn:
    """One node: the plan that empties it, as things are or as those before it in its batch leave them, and its gates in their order."""

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


class Outlook:
    """Looks at one node's turn after the other; nothing is changed. `maintenance`: HA maintenance mode may be switched."""

    def __init__(self, api: Api, holds: Holds, policy: Policy, now: float, maintenance: bool = True) -> None:
        """PveError."""
        self._api, self._holds, self._policy, self._now, self._maintenance = api, holds, policy, now, maintenance
        self.cluster = read_cluster(api, now, policy.method, counts=policy.memory)
        self._batch: Sequence[str] = ()
        self._left = self.cluster  # as the nodes of the batch that were looked at leave it

    def turn(self, node: str, batch: Sequence[str] = ()) -> Turn:
        """The turn of a node, alone or as one of a batch, whose nodes are asked for one after the other. PlanError, PveError."""
        if batch != self._batch:
            self._batch, self._left = batch, self.cluster
        held, request = self._holds.held(), PlanRequest(drain=node, maintenance=self._maintenance)
        cluster, plan = make_plan(self._api, self._policy, self._now, request, lambda cluster: keep_out(cluster, held, node, batch),
                                  self._holds.roster, seen=self._left)  # fmt: skip
        if batch and plan.feasible:
            self._left = afterwards(self._left, cluster, plan)
        kinds = {guest.vmid: guest.kind for guest in cluster.guests}
        blockers = tuple(replace(stay, kind=kinds.get(stay.vmid, "")) for stay in plan.blockers)
        besides = [name for name in batch if name != node]
        return Turn(node, replace(plan, blockers=blockers), gates(self._api, self._now, node, besides, self.cluster))
