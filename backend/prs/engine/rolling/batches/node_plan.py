"""The drain of a node in a round as it would be now, and whether the node joins those that are emptied already."""

from __future__ import annotations

from dataclasses import replace

from prs.engine.drain.holds import Holds
from prs.engine.drain.keep_out import keep_out
from prs.engine.planning import PlanRequest, make_plan
from prs.engine.rolling.batches.facts import batches_of
from prs.engine.rolling.gates import closed_gate
from prs.engine.rolling.stages import Round, Visit
from prs.errors import PlanError
from prs.model import Plan, Policy
from prs.pve.api import Api
from prs.pve.read.snapshot import read_cluster


def turn_policy(one: Round) -> Policy:
    """The round's policy with the guests that may ride along."""
    return replace(one.policy, rides=one.options.rides)


def drain_plan(api: Api, holds: Holds, one: Round, turn: Visit, switches: bool, now: float) -> Plan:
    """Those that are serviced together with the node get no guest. `switches`: HA maintenance mode can be. PlanError, PveError."""
    held, together = holds.held(), [each.node for each in one.together]
    request = PlanRequest(drain=turn.node, maintenance=switches)
    return make_plan(api, turn_policy(one), now, request, lambda cluster: keep_out(cluster, held, turn.node, together), holds.roster)[1]


def apart(api: Api, holds: Holds, one: Round, turn: Visit, switches: bool, now: float) -> str:
    """Why the node is not to be serviced together with those of its batch that are empty already; "" for nothing. PveError."""
    if held := holds.held().get(turn.node):
        return f"{turn.node} is {held.reason}"
    besides = one.besides(turn.node)
    if gate := closed_gate(api, now, turn.node, besides=besides):
        return gate.reason
    # Racks, votes and daemons of Ceph may be others than when the round began.
    names = [*besides, turn.node]
    if reasons := batches_of(api, read_cluster(api, now, history=0.0), names, len(names), one.policy).reasons:
        return next(iter(reasons.values()))
    try:
        plan = drain_plan(api, holds, one, turn, switches, now)
    except PlanError as error:
        return str(error)
    return plan.lacking if plan.feasible else plan.summary
