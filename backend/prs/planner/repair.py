"""Rules that are broken at the start: which guests can go where to keep them again, cheapest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from prs.planner import score
from prs.planner.facts import Facts
from prs.planner.limits import Board
from prs.planner.problem import Problem

PORTION = 10  # of a budget of moves, repairs get one in so many


def breach(board: Board, unit: int) -> str:
    """The rule that the unit breaks where it is, in words; "" when it breaks none."""
    problem, item, place = board.problem, board.units[unit], board.where[unit]
    for guest in item.guests:
        if rule := problem.facts.forbidden(guest, problem.names[place]):
            return rule
    for group in item.groups:
        if board.occupied[group].get(place, 0) > 1:
            return f"{problem.groups[group][0]}, which keeps it apart from another guest on {problem.names[place]}"
    return ""


def moves(problem: Problem, budget: int | None) -> dict[int, int]:
    """Units that break a rule, and nodes where they break none and fit; {} where no move helps. `budget` is the most moves of the plan."""
    board, found = Board(problem), dict[int, int]()
    left = len(problem.units) if budget is None else budget // PORTION
    for unit in sorted(_suspects(problem), key=lambda unit: (problem.units[unit].cost, unit)):
        guests = len(problem.units[unit].guests)
        if guests > left or not breach(board, unit):
            continue
        places = [place for place in problem.active if place != board.where[unit] and board.fits(unit, place)]
        if places:
            found[unit] = min(places, key=lambda place: (_fullness(problem, board, unit, place), place))
            board.move(unit, found[unit])
            left -= guests
    return found


def _suspects(problem: Problem) -> Iterable[int]:
    """Units bound by a rule that may be broken."""
    bound = problem.facts.bound
    return (unit for unit, item in enumerate(problem.units) if item.groups or any(guest.vmid in bound for guest in item.guests))


def _fullness(problem: Problem, board: Board, unit: int, place: int) -> float:
    """The highest load of the node with the unit on it."""
    item, loads = board.units[unit], board.load
    return max((loads[r][place] + item.size(r)) / (problem.total[r][place] or score.NONE)
               for r in score.resources(problem.facts.policy.method))


def mended(problem: Problem, fixes: Mapping[int, int]) -> Problem:
    """The problem as it is once the repairs are made."""
    cluster = problem.facts.cluster
    where = {guest.vmid: problem.names[place] for unit, place in fixes.items() for guest in problem.units[unit].guests}
    guests = tuple(replace(guest, node=where.get(guest.vmid, guest.node)) for guest in cluster.guests)
    return Problem(Facts(replace(cluster, guests=guests), problem.facts.policy))


def joined(problem: Problem, fixes: Mapping[int, int], after: Problem, goal: Mapping[int, int]) -> dict[int, int]:
    """The repairs and what a search found after them as one goal of the problem."""
    whole = dict(fixes)
    for unit, place in goal.items():
        whole[problem.unit_of[after.units[unit].guests[0].vmid]] = place
    return {unit: place for unit, place in whole.items() if place != problem.units[unit].home}


def broken(problem: Problem, goal: Mapping[int, int]) -> bool:
    """True when a rule that some move could repair stays broken after the goal."""
    return bool(moves(mended(problem, goal), None))
