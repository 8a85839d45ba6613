"""What a plan is worth: where an aim is out of reach, soft preferences, the largest free block, and memory that is written meanwhile."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from prs.model import RESOURCES, Cluster, Policy, Pool
from prs.planner.objective import score
from prs.planner.plan import plan_balance
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem, seconds
from unit.planner_scenes import GIB, cluster, guest, node


def uneven(seed: int) -> Cluster:
    """Five nodes, the first of them full; one guest in twelve has a disk of its own, too large to level them."""
    chance = random.Random(seed)
    nodes = [node(f"pve{number}", 256, disk=2000 * GIB, cpu=64.0) for number in range(1, 6)]
    guests = []
    for vmid in range(100, 170):
        where = "pve1" if chance.random() < 0.25 else chance.choice(nodes).name
        disk = chance.choice([300, 500, 700]) * GIB if vmid % 12 == 0 else 0
        guests.append(guest(vmid, where, chance.choice([2, 4, 4, 8, 16]), cpu=chance.random() * 4, disk=disk))
    return cluster(*nodes, *guests)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_levelling_all_costs_little_more_than_each_alone(seed: int) -> None:
    alone = [plan_balance(uneven(seed), Policy(method=resource), 0.0) for resource in RESOURCES]
    together = plan_balance(uneven(seed), Policy(method="all"), 0.0)
    assert alone[2].spread_after > 0.06  # the disks cannot be level
    assert together.cost <= 1.5 * sum(plan.cost for plan in alone)
    assert len(together.moves) <= 2 * sum(len(plan.moves) for plan in alone)
    for resource, single in zip(RESOURCES, alone, strict=True):
        loads = [getattr(load, resource) for load in together.after]
        assert max(loads) - min(loads) <= max(0.05, 1.5 * single.spread_after)


def pooled(nodes: tuple[str, ...]) -> tuple[Cluster, Policy]:
    """A full node, two empty ones alike, and a pool of two guests that prefers some nodes."""
    guests = [guest(vmid, "pve1", 10, pool="office") for vmid in (1, 2)]
    snapshot = cluster(node("pve1"), node("pve2"), node("pve3"), *guests, guest(3, "pve1", 10), guest(4, "pve1", 10))
    return snapshot, Policy(spread=0.2, aim=1.0, pools=(Pool("office", nodes=nodes, strict=False),))


@pytest.mark.parametrize("preferred", ["pve2", "pve3"])
def test_a_soft_preference_decides_between_equals(preferred: str) -> None:
    plan = plan_balance(*pooled((preferred,)), 0.0)
    assert [move.target for move in plan.moves if move.vmid in (1, 2)] == [preferred, preferred]
    assert {term.name: (term.before, term.after) for term in plan.terms}["guests off the nodes that rules prefer"] == (2, 0)


def test_a_soft_preference_is_no_limit() -> None:
    snapshot, policy = pooled(("pve1",))
    keep = replace(policy, ignore_guests=("3", "4"), spread=0.25)
    plan = plan_balance(snapshot, keep, 0.0)
    assert {move.vmid for move in plan.moves} == {1, 2}


def test_it_is_traded_for_the_largest_free_block() -> None:
    problem = Problem(FixedLimits(cluster(node("a"), node("b"), guest(1, "a", 60)), Policy()))
    term = {term.name: term for term in plan_balance(problem.facts.cluster, Policy(), 0.0).terms}["largest free memory"]
    assert term.weight == -score.BLOCK < 0


def test_memory_that_is_written_meanwhile_is_copied_again() -> None:
    policy = Policy(link_speed=float(GIB), overhead=10.0, dirty_rate=GIB / 16)
    assert seconds(policy, guest(1, "a", 16, cpu=0.0), 0) == 26.0
    assert seconds(policy, guest(1, "a", 16, cpu=4.0), 0) == pytest.approx(10 + 16 / 0.75)
    assert seconds(policy, guest(1, "a", 16, cpu=64.0), 0) == 42.0  # never more than twice
    assert seconds(policy, guest(1, "a", 16, cpu=4.0), 8 * GIB) == pytest.approx(10 + 16 / 0.75 + 8)
    assert seconds(replace(policy, link_speed=GIB / 8), guest(1, "a", 1, cpu=0.0), GIB) == 26.0
