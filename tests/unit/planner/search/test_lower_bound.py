"""The lower bound of a plan's cost: never above the cheapest plan there is, found by trying all."""

from __future__ import annotations

import itertools
import random

import pytest

from prs.model import Cluster, Method, Policy
from prs.planner.objective import score
from prs.planner.plan import plan_balance, plan_drain
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import lower_bound
from unit.planner_scenes import GIB, cluster, guest, lopsided, node


def small(seed: int) -> Cluster:
    """Two or three nodes of different sizes with up to seven guests, some with local disks."""
    chance = random.Random(seed)
    nodes = [node(f"pve{number}", chance.choice([32, 64, 128]), chance.choice([0, 2]), disk=900 * GIB, cpu=16.0)
             for number in range(chance.randint(2, 3))]
    guests = [guest(100 + number, chance.choice(nodes).name, chance.choice([1, 2, 3, 6, 9, 12]),
                    disk=chance.choice([0, 0, 200]) * GIB, cpu=chance.choice([0.5, 1.0, 3.0])) for number in range(chance.randint(2, 7))]
    return cluster(*nodes, *guests)


def cheapest(problem: Problem, method: Method, width: float) -> float | None:
    """The least cost of all placements whose spread is small enough, whatever fits; None when there is none."""
    best = None
    for places in itertools.product(problem.active, repeat=len(problem.units)):
        cost = sum(unit.cost for unit, place in zip(problem.units, places, strict=True) if place != unit.home)
        if best is None or cost < best:
            board = Board(problem)
            for unit, place in enumerate(places):
                board.move(unit, place)
            if score.spread(problem, board.load, method) <= width:
                best = cost
    return best


@pytest.mark.parametrize("method", ["memory", "cpu", "disk", "all"])
def test_never_above_the_cheapest_placement(method: Method) -> None:
    useful = 0
    for seed, width in itertools.product(range(25), (0.02, 0.1, 0.25)):
        problem = Problem(FixedLimits(small(seed), Policy(dirty_rate=0.0)))
        best, found = cheapest(problem, method, width), lower_bound.to_spread(problem, method, width)
        if best is not None:
            assert found is not None
            assert found <= best + 1e-6
            useful += best > 0 and found > 0.5 * best
    assert useful > 0


def test_counts_overhead_whole_and_copying_in_part() -> None:
    problem = Problem(FixedLimits(cluster(node("a"), node("b"), guest(1, "a", 20), guest(2, "a", 20)), Policy(dirty_rate=0.0)))
    assert lower_bound.to_spread(problem, "memory", 0.05) == pytest.approx(10 + 17.5, rel=1e-5)  # the move costs 30, but 17.5 GiB would do


def test_unreachable_is_said() -> None:
    problem = Problem(FixedLimits(cluster(node("a"), node("b"), guest(1, "a", 60)), Policy(dirty_rate=0.0)))
    assert lower_bound.to_spread(problem, "memory", 0.05) is None


def test_the_plan_tells_its_cost_and_the_bound() -> None:
    plan = plan_balance(lopsided(), Policy(dirty_rate=0.0), 0.0)
    assert plan.cost == pytest.approx(4 * (10 + 8))
    assert plan.cost_bound is not None
    assert 0.99 * plan.cost <= plan.cost_bound <= plan.cost


def test_nothing_to_do_costs_nothing() -> None:
    plan = plan_balance(lopsided(), Policy(dirty_rate=0.0, spread=0.6), 0.0)
    assert (plan.cost, plan.cost_bound) == (0.0, 0.0)


def test_a_drain_costs_at_least_the_guests_of_its_node() -> None:
    plan = plan_drain(lopsided(), Policy(dirty_rate=0.0), "pve1", 0.0)
    assert plan.cost_bound == pytest.approx(8 * 18)
    assert plan.cost == pytest.approx(plan.cost_bound)
    stuck = cluster(node("pve1"), node("pve2", 2), guest(1, "pve1", 4))
    assert plan_drain(stuck, Policy(dirty_rate=0.0), "pve1", 0.0).cost_bound is None
