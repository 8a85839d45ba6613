"""Instances with rules and drains: no rule is broken, no node overfilled, every drain that can be done is done, the others are refused.

What can be done is known from how an instance is made (benchmark/drains.py), and a plan is judged by benchmark/walk.py: both know
nothing of the planner.
"""

from __future__ import annotations

from typing import Any

import pytest

from benchmark import drains, generate, plan_instance
from benchmark.walk import walk
from prs.model import Plan, Policy
from prs.planner.plan import plan_balance, plan_drain

SIZES = [("s1", seed) for seed in range(1, 8)] + [("s2", seed) for seed in range(1, 6)] + [("s3", 1), ("s3", 2)]


def policy(instance: dict[str, Any], **more: Any) -> Policy:
    """What the instance demands of a plan."""
    ignored = tuple(str(row["id"]) for row in instance["guests"] if row.get("ignore"))
    return Policy(ignore_guests=ignored, containers=True, **more)


def moves(plan: Plan) -> list[tuple[int, str]]:
    """A plan in the benchmark's terms."""
    return [(move.vmid, move.target) for move in plan.moves]


def drain(instance: dict[str, Any]) -> Plan:
    """The product's plan."""
    return plan_drain(plan_instance.cluster(instance), policy(instance), instance["drain"], 0.0)


@pytest.mark.parametrize(("size", "seed"), SIZES)
def test_a_drain_that_can_be_done_is_done(size: str, seed: int) -> None:
    """The way that is known from the making is a proof; the planner finds one of its own."""
    instance, way = drains.feasible(size, seed)
    broken, where = walk(instance, way)
    assert not broken
    assert instance["drain"] not in where.values()
    assert sum(row["node"] == instance["drain"] for row in instance["guests"]) >= 3
    plan = drain(instance)
    assert not plan.blockers
    broken, where = walk(instance, moves(plan))
    assert not broken
    assert instance["drain"] not in where.values()


@pytest.mark.parametrize("why", drains.IMPOSSIBLE)
@pytest.mark.parametrize(("size", "seed"), [("s1", 1), ("s1", 2), ("s2", 1), ("s3", 1)])
def test_a_drain_that_cannot_be_done_is_refused_with_a_true_blocker(size: str, seed: int, why: str) -> None:
    """Nothing is moved, and who is named is who cannot leave."""
    instance, stuck = drains.infeasible(size, seed, why)
    plan = drain(instance)
    named = {stay.vmid for stay in plan.blockers}
    assert not plan.moves
    assert named
    assert named <= stuck
    assert all(stay.node == instance["drain"] and len(stay.reason) > 10 for stay in plan.blockers)
    if why == "memory":
        rest = [node for node in instance["nodes"] if node["name"] != instance["drain"]]
        lacking = sum(row["mem"] for row in instance["guests"]) - sum(node["mem"] - node["mem_host"] for node in rest)
        assert 0 < lacking <= sum(row["mem"] for row in instance["guests"] if row["id"] in named)
        return
    # Without those who are named it can be done, so that nobody else was the reason.
    groups = {key: [[vmid for vmid in group if vmid not in named] for group in instance[key]] for key in ("affinity", "anti_affinity")}
    without = {**instance, **groups, "guests": [row for row in instance["guests"] if row["id"] not in named]}
    assert not drain(without).blockers


@pytest.mark.parametrize("budget", [None, 3])
@pytest.mark.parametrize(("size", "seed"), [("s1", 1), ("s1", 2), ("s1", 3), ("s2", 1), ("s3", 1), ("s4", 1)])
def test_levelling_breaks_no_rule(size: str, seed: int, budget: int | None) -> None:
    """Bound, ignored, together and apart guests, one rule broken at the start: no step breaks another, or overfills a node."""
    instance = generate.instance(size, "constr", seed)
    assert instance["anti_affinity"]
    plan = plan_balance(plan_instance.cluster(instance), policy(instance, max_moves=budget), 0.0)
    assert plan.moves
    broken, _ = walk(instance, moves(plan))
    assert not broken
