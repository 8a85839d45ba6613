"""The steepest descent takes the best step there is, exchanges moves where the budget is used up, and leaves the board as it found it."""

from __future__ import annotations

from math import inf

import pytest

from benchmark import generate, plan_instance, roadef
from benchmark.walk import walk
from prs.model import Policy, Resource
from prs.planner.objective import score
from prs.planner.objective.objectives import variances
from prs.planner.plan import plan_balance
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem
from prs.planner.search.changes import possible
from prs.planner.search.steepest import Steepest


def problem(seed: int, nodes: int = 8, guests: int = 60) -> Problem:
    return Problem(FixedLimits(plan_instance.cluster(roadef.instance(nodes, guests, seed)), Policy(dirty_rate=0.0)))


def value(facts: Problem, goal: dict[int, int]) -> float:
    board = Board(facts)
    for unit, place in goal.items():
        board.move(unit, place)
    return sum(aim.worth for aim in variances(facts, board, facts.facts.policy.method))


def descent(facts: Problem, moves: int, size: float = inf, guards: dict[Resource, float] | None = None) -> Steepest:
    board = Board(facts)
    return Steepest(board, variances(facts, board, facts.facts.policy.method), moves, size, guards or {})


@pytest.mark.parametrize("seed", range(6))
def test_no_single_move_is_better_than_the_one_it_takes(seed: int) -> None:
    facts = problem(seed)
    board = Board(facts)
    singles = [{unit: place} for unit in range(len(facts.units)) for place in facts.active
               if place != facts.units[unit].home and board.fits(unit, place)]
    one = descent(facts, 1).run()
    assert len(one) == 1
    assert value(facts, one) == pytest.approx(min(value(facts, goal) for goal in singles), abs=1e-15)


@pytest.mark.parametrize("seed", range(6))
def test_neither_a_move_nor_a_swap_with_an_end_is_left_that_would_help(seed: int) -> None:
    facts = problem(seed)
    one = descent(facts, 1000)
    goal, board = one.run(), one.board
    assert board.where == [unit.home for unit in facts.units]
    assert all(board.load[resource] == pytest.approx(facts.load[resource]) for resource in board.load)
    for unit, place in goal.items():
        board.move(unit, place)
    aim = one.aims[0]
    aim.center()
    ends = {min(aim.nodes, key=aim.use.__getitem__), max(aim.nodes, key=aim.use.__getitem__)}
    still = [unit for unit in range(len(facts.units)) if unit not in goal]
    steps: list[tuple[tuple[int, int], ...]] = [((unit, place),) for unit in still for place in facts.active if place != board.where[unit]]
    steps += [((two, board.where[unit]), (unit, board.where[two])) for unit in still for two in still
              if board.where[unit] in ends and board.where[two] != board.where[unit]]
    best = value(facts, goal)
    assert goal
    assert not [step for step in steps if possible(board, step, {}) and value(facts, {**goal, **dict(step)}) < best - 1e-8]


def test_budgets_and_guards_hold() -> None:
    facts = problem(2)
    free = descent(facts, 1000).run()
    assert len(descent(facts, 3).run()) == 3 < len(free)
    half = sum(facts.units[unit].bytes for unit in free) / 2
    assert 0 < sum(facts.units[unit].bytes for unit in descent(facts, 1000, half).run()) <= half
    widths: dict[Resource, float] = {"cpu": score.spread(facts, facts.load, "cpu")}
    after = Board(facts)
    for unit, place in free.items():
        after.move(unit, place)
    assert score.worsened(facts, after.load, widths)
    guarded, after = descent(facts, 1000, inf, widths).run(), Board(facts)
    for unit, place in guarded.items():
        after.move(unit, place)
    assert guarded
    assert not score.worsened(facts, after.load, widths)


@pytest.mark.parametrize(("nodes", "seed"), [(24, 6), (24, 8), (30, 3)])
def test_a_plan_of_many_nodes_of_odd_sizes_is_no_less_level_than_the_plain_descent(nodes: int, seed: int) -> None:
    """The beam alone, which sees the ends, was behind on these."""
    made = roadef.instance(nodes, 10 * nodes, seed)
    plain, ours = roadef.Descent(made).run(15), roadef.Descent(made)
    plan = plan_balance(plan_instance.cluster(made), Policy(max_moves=15, spread=0.0, aim=1.0, dirty_rate=0.0, guard=1.0), 0.0, "level")
    moves = [(move.vmid, move.target) for move in plan.moves]
    assert len(moves) <= 15
    assert walk(made, moves)[0] == []
    for vmid, target in moves:
        ours.move(vmid, ours.names.index(target))
    assert ours.deviation <= plain.deviation


def test_the_most_level_cluster_of_many_nodes_does_not_move_half_of_the_guests() -> None:
    """Without a budget the search for 2000 guests once moved 1066, and ended less level than with a tenth of that."""
    made = generate.instance("s5", "over", 1)
    plan = plan_balance(plan_instance.cluster(made), Policy(spread=0.0, aim=1.0, dirty_rate=0.0), 0.0, "level")
    use = [load.memory for load in plan.after]
    assert len(plan.moves) < 200
    assert max(use) - min(use) < 0.001
