"""The search through all plans: the cheapest one there is, found by trying all placements, is found, and nothing below it is promised."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest

from prs.model import RESOURCES, Method, Policy, Resource
from prs.planner.objective import score
from prs.planner.plan import plan_balance
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search import branch_and_bound
from unit.planner.search.test_lower_bound import cheapest, small
from unit.planner_scenes import cluster, guest, lopsided, node

MANY = 10**6


def search(
    problem: Problem, method: Method, width: float, cost: float, visits: int = MANY, guards: Mapping[Resource, float] | None = None
) -> branch_and_bound.Exact:
    widths = score.widths(problem.facts.policy, method, width)
    return branch_and_bound.Exact(problem, widths, guards or {}, cost, visits, lambda goal: True).run()


@pytest.mark.parametrize("method", [*RESOURCES, "all"])
def test_finds_the_cheapest_placement_there_is(method: Method) -> None:
    found = 0
    for seed, width in itertools.product(range(40), (0.02, 0.1, 0.25)):
        problem = Problem(FixedLimits(small(seed), Policy(dirty_rate=0.0)))
        best = cheapest(problem, method, width)
        if not best:  # level already, or nothing is level enough
            continue
        done = search(problem, method, width, best * 1.5)
        assert done.best is not None
        assert done.best.value == pytest.approx(best)
        assert done.bound == pytest.approx(best)
        board = Board(problem)
        for unit, place in done.best.goal.items():
            board.move(unit, place)
        assert score.spread(problem, board.load, method) <= width + 1e-6
        proof = search(problem, method, width, best)
        assert proof.best is None
        assert proof.bound == pytest.approx(best)
        found += 1
    assert found > 10


@pytest.mark.parametrize("visits", [1, 10, 40, 200])
def test_a_search_that_is_cut_short_promises_no_more_than_it_has_shown(visits: int) -> None:
    short = 0
    for seed in range(40):
        problem = Problem(FixedLimits(small(seed), Policy(dirty_rate=0.0)))
        if best := cheapest(problem, "memory", 0.1):
            done = search(problem, "memory", 0.1, best * 1.2, visits)
            assert done.bound <= best + 1e-6
            assert done.best is None or done.best.value >= best - 1e-6
            short += done.bound < best - 1e-6
    assert short or visits == 200


def test_what_cannot_be_used_is_passed_over_but_bounds() -> None:
    problem = Problem(FixedLimits(cluster(node("a"), node("b"), guest(1, "a", 20), guest(2, "a", 24)), Policy(dirty_rate=0.0)))
    done = branch_and_bound.Exact(problem, {"memory": 0.1}, {}, 100.0, MANY, lambda goal: 1 in goal).run()
    assert done.best is not None
    assert done.best.goal == {1: 1}
    assert (done.best.value, done.bound) == (34.0, 30.0)


def test_a_guard_is_kept() -> None:
    guests = guest(1, "a", 20, cpu=0.0), guest(2, "a", 24, cpu=8.0), guest(3, "b", 1, cpu=8.0)
    problem = Problem(FixedLimits(cluster(node("a"), node("b"), *guests), Policy(dirty_rate=0.0)))
    done = search(problem, "memory", 0.1, 100.0, guards={"cpu": 0.1})
    assert done.best is not None
    assert done.best.goal == {0: 1}


def test_the_plan_says_that_it_is_proven() -> None:
    plan = plan_balance(lopsided(), Policy(), 0.0)
    assert plan.cost_bound == pytest.approx(plan.cost)
    assert plan.summary.endswith("; proven to be the cheapest way.")
