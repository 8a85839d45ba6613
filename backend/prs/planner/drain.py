"""Finds new nodes for all guests of the node to drain: with the fewest other guests moved to make room, and then the most level."""

from __future__ import annotations

from prs.model import RESOURCES, Method
from prs.planner.objective import score
from prs.planner.objective.objectives import Room, variances
from prs.planner.problem.board import Board, Packing
from prs.planner.problem.problem import Problem
from prs.planner.search.anneal import Anneal, Schedule

SMALL = 1200  # units; more are searched with half the tries
EFFORT = 20000  # steps of each search
TRIES = 4  # searches for each number of helpers
HELPERS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)  # numbers of other guests that may move to make room


def empty(problem: Problem, node: int, method: Method) -> dict[int, int] | None:
    """New nodes for the units on the node and for the fewest others that make room for them; None when no arrangement was found."""
    mine = [unit for unit, item in enumerate(problem.units) if item.home == node]
    if not mine or lacking(problem, mine):
        return None if mine else {}
    packed = _pack(problem, node, mine)
    goals = [_level(problem, node, method, goal) for goal in packed]
    return min(goals, key=lambda goal: _spread(problem, method, goal), default=None)


def _spread(problem: Problem, method: Method, goal: dict[int, int]) -> float:
    board = Board(problem)
    for unit, place in goal.items():
        board.move(unit, place)
    return score.spread(problem, board.load, method)


def lacking(problem: Problem, mine: list[int]) -> str:
    """The resource of which all open nodes together have too little left for these units; "" when it may suffice."""
    for resource in RESOURCES:
        need = sum(problem.units[unit].size(resource) for unit in mine)
        room = sum(max(0.0, problem.cap[resource][place] - problem.load[resource][place]) for place in problem.active)
        if need > room + 1e-6:
            return resource
    return ""


def _aims(problem: Problem, board: Board, price: float) -> list[Room]:
    """What is over the capacities, in mean units of each resource."""
    aims = []
    for resource in RESOURCES:
        sizes = [size for size in problem.sizes[resource] if size]
        if sizes and any(problem.total[resource][node] for node in problem.active):
            aims.append(Room(board, resource, price * len(sizes) / sum(sizes)))
    return aims


def _pack(problem: Problem, node: int, mine: list[int]) -> list[dict[int, int]]:
    """Different placements that fit with the fewest helpers."""
    guests = sum(len(problem.units[unit].guests) for unit in mine)
    for helpers in HELPERS:
        goals = []
        for seed in range(1, (TRIES if len(problem.units) <= SMALL else TRIES // 2) + 1):
            board = _spread_out(problem, node, mine)
            if board is None:
                return []
            aims = _aims(problem, board, 1.0)
            if all(aim.reached for aim in aims):
                return [{unit: board.where[unit] for unit in mine}]
            search = Anneal(board, aims, [0.0] * len(problem.units), guests + helpers)
            found = search.run(Schedule(EFFORT, 10.0, 0.1, seed=seed, enough=0.0))
            if found is not None and found.goal not in goals:
                goals.append(found.goal)
        if goals:
            return goals
    return []


def _spread_out(problem: Problem, node: int, mine: list[int]) -> Packing | None:
    """All units of the node somewhere else, on the emptiest node allowed, whether they fit or not."""
    board = Packing(problem, node)
    memory, total = board.memory, problem.total["memory"]
    for unit in sorted(mine, key=lambda unit: (-board.units[unit].memory, unit)):
        places = [place for place in problem.active if board.fits(unit, place)]
        if not places:
            return None
        board.move(unit, min(places, key=lambda place: ((memory[place] + board.units[unit].memory) / (total[place] or 1.0), place)))
    return board


def _level(problem: Problem, node: int, method: Method, packed: dict[int, int]) -> dict[int, int]:
    """The most level placement found with as many moves as `packed` has."""
    best, goal = _spread(problem, method, packed), packed
    moves = sum(len(problem.units[unit].guests) for unit in packed)
    for seed, (price, hot) in enumerate(((1.0, 1.0), (0.3, 0.1)), 1):
        board = Packing(problem, node)
        for unit, place in packed.items():
            board.move(unit, place)
        lead = variances(problem, board, method)
        start = sum(aim.worth for aim in lead)
        if not lead or start <= 1e-12:
            return goal
        search = Anneal(board, [*lead, *_aims(problem, board, start * price)], [0.0] * len(problem.units), moves,
                        soft=start * score.PREFERENCE_SHARE)
        found = search.run(Schedule(EFFORT, start * hot, start * 1e-4, seed=seed))
        if found is not None and (spread := _spread(problem, method, found.goal)) < best:
            best, goal = spread, found.goal
    return goal


def leftover(problem: Problem, node: int) -> tuple[Board, list[int]]:
    """How far the node can be emptied, largest units first, each where most is free; the board after that and the units left."""
    board, stuck = Board(problem), []
    mine = [unit for unit, item in enumerate(problem.units) if item.home == node]
    for unit in sorted(mine, key=lambda unit: (-board.units[unit].memory, -board.units[unit].disk, unit)):
        places = [place for place in problem.active if board.fits(unit, place)]
        if places:
            board.move(unit, max(places, key=lambda place: (problem.cap["memory"][place] - board.memory[place], -place)))
        else:
            stuck.append(unit)
    return board, stuck
