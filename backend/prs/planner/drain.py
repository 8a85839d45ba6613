"""Finds new nodes for all guests of the node to drain, moving as few others as possible to make room."""

from __future__ import annotations

from prs.model import Method
from prs.planner import score
from prs.planner.limits import Board
from prs.planner.problem import Problem


def empty(problem: Problem, node: int, method: Method) -> tuple[dict[int, int], list[int]]:
    """Units with their new nodes, and the units of the node for which there is no room."""
    board, goal, stuck = Board(problem), dict[int, int](), list[int]()
    mine = [unit for unit, item in enumerate(board.units) if item.home == node]
    for unit in sorted(mine, key=lambda unit: (-board.units[unit].memory, -board.units[unit].disk, unit)):
        places = [place for place in problem.active if board.fits(unit, place)]
        if not places:
            stuck.append(unit)
            continue
        best = min(places, key=lambda place: (_after(board, unit, place, method), place))
        goal[unit] = best
        board.move(unit, best)
    return goal, stuck


def _after(board: Board, unit: int, place: int, method: Method) -> float:
    home = board.where[unit]
    board.move(unit, place)
    value = score.deviation(board.problem, board.load, method)
    board.move(unit, home)
    return value
