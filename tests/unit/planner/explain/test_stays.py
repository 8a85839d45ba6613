"""What one more move would bring, asked of the ends of the loads alone, against the whole board."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark import generate, plan_instance
from prs.model import Method, Policy
from prs.planner.explain.stays import _Edges
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.fixed_limits import FixedLimits
from prs.planner.problem.problem import Problem

METHODS: tuple[Method, ...] = ("memory", "cpu", "all")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", ["over", "hetero", "constr"])
def test_the_ends_tell_what_the_whole_board_tells(method: Method, case: str) -> None:
    policy, answers = replace(Policy(containers=True), method=method, weights=(("cpu", 0.5),)), set[bool]()
    for size, seed in (("s1", 1), ("s1", 2), ("s2", 1)):
        problem = Problem(FixedLimits(plan_instance.cluster(generate.instance(size, case, seed)), policy))
        edges, board = _Edges(problem, Board(problem), method), Board(problem)
        for unit in range(len(problem.units)):
            for target in set(problem.active) - {board.where[unit]}:
                told = whole(problem, board, unit, target, method)
                assert edges.lower(unit, target) == told
                answers.add(told)
    assert answers == {True, False}


def whole(problem: Problem, board: Board, unit: int, target: int, method: Method) -> bool:
    """The same by moving it and looking at every node."""
    if not board.fits(unit, target):
        return False
    before, source = score.spread(problem, board.load, method), board.where[unit]
    board.move(unit, target)
    after, worse = score.spread(problem, board.load, method), score.worsened(problem, board.load, score.guards(problem, method))
    board.move(unit, source)
    return after < before - score.ROUNDING and not worse
