"""Looks for the moves: the most level cluster within a budget, or the cheapest plan that reaches a spread."""

from __future__ import annotations

from dataclasses import dataclass

from prs.model import Method
from prs.planner import score
from prs.planner.limits import Board
from prs.planner.problem import Problem, Unit

STEPS = 400  # a plan without a limit of its own ends here


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be moved: number of guests and bytes; None = as much as it takes."""

    moves: int | None = None
    size: int | None = None


def level(problem: Problem, method: Method, budget: Budget, aim: float = 0.0) -> dict[int, int]:
    """Units with their new nodes: the best single move again and again, until `aim` or the budget is reached or nothing helps."""
    board, goal = Board(problem), dict[int, int]()
    count, size = 0, 0
    while score.spread(problem, board.load, method) > aim and len(goal) < STEPS:
        best = _best(board, method, goal, budget, count, size)
        if best is None:
            break
        unit, target = best
        goal[unit] = target
        count, size = count + len(board.units[unit].guests), size + board.units[unit].bytes
        board.move(unit, target)
    return goal


def _best(board: Board, method: Method, goal: dict[int, int], budget: Budget, count: int, size: int) -> tuple[int, int] | None:
    """The unit and node that lower the deviation most, None when nothing lowers it."""
    problem, best = board.problem, (score.deviation(board.problem, board.load, method) - 1e-6, -1, -1)
    use = {place: max((board.load[r][place] / problem.total[r][place] for r in score.resources(method) if problem.total[r][place]), default=0.0)
           for place in problem.active}
    ranked = sorted(problem.active, key=lambda place: (use[place], place))
    hot, cold = set(ranked[-3:]), ranked[:3]
    for unit, item in enumerate(board.units):
        if unit in goal or item.home not in hot or not _affordable(item, budget, count, size):
            continue
        for place in cold:
            if place != item.home and board.fits(unit, place):
                board.move(unit, place)
                if not score.worsened(problem, board.load, method):
                    best = min(best, (score.deviation(problem, board.load, method), unit, place))
                board.move(unit, item.home)
    return None if best[1] < 0 else best[1:]


def _affordable(item: Unit, budget: Budget, count: int, size: int) -> bool:
    guests, weight = len(item.guests), item.bytes
    return (budget.moves is None or count + guests <= budget.moves) and (budget.size is None or size + weight <= budget.size)
