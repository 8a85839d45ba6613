"""Finds new nodes for all guests of the node to drain: with the fewest other guests moved to make room, and then the most level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from prs.model import RESOURCES, Method, Resource
from prs.planner.objective import score
from prs.planner.objective.level import Level
from prs.planner.objective.objectives import Room, variances
from prs.planner.problem.board import Board, Packing
from prs.planner.problem.problem import UNLIMITED, Problem
from prs.planner.problem.unexamined import unexamined
from prs.planner.search import exhaustive, order, packing, way
from prs.planner.search.anneal import Anneal
from prs.planner.search.schedules import Schedule
from prs.planner.search.way import Step

SMALL = 1200  # units; more are searched with half the tries, as each takes longer
EFFORT = 20000  # steps of each search: where a placement is found, it mostly takes fewer
TRIES = 4  # searches for each number of helpers, with other chances: hardly one finds what four did not
HELPERS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24)  # numbers of other guests that may move to make room; a drain that needs more is refused
PACKING_HEAT = (10.0, 0.1)  # heat at start and end of a search for room, in mean units over the capacities: all may be moved; nothing may
# Searches for a level end: price of what is over the capacities and heat at the start, both as shares of the variance then.
LEVELLING = ((1.0, 1.0), (0.3, 0.1))  # one that changes much, one that polishes
LEVELLED = 1e-4  # heat at their end, as such a share
LEVEL = 1e-12  # variance up to which all counts as level: rounding leaves as much
ROUNDING = 1e-6  # bytes or cores that sums may differ by
DEPTH = 2  # guests that make way for each other, one after the other, so that a guest finds a node that rules allow


@dataclass(frozen=True, slots=True)
class Drained:
    """The steps that empty a node, None where none were found; `sure` when it is proven then that there are none.

    `landed` says how disks land where they do so on other storages than the first ones with room, by unit and node.
    """

    steps: list[Step] | None
    sure: bool = False
    landed: packing.Landed = field(default_factory=dict)


def empty(problem: Problem, node: int, method: Method) -> Drained:
    """Steps that bring the units on the node elsewhere, with the fewest others that make room for them, and then the most level ones."""
    mine = [unit for unit, item in enumerate(problem.units) if item.home == node]
    if not mine or lacking(problem, mine):
        return Drained(None if mine else [], True)
    if exhaustive.small(problem, node) and (found := _looked_at_all(problem, node, mine, method)):
        return found if found.steps or not unexamined(problem, node) else replace(found, sure=False)
    packed = _pack(problem, node, mine, HELPERS[:1])
    if not packed and (together := _together(problem, mine)):
        return together
    packed = packed or _pack(problem, node, mine, HELPERS[1:])
    levelled = [_level(problem, node, method, goal) for goal in packed]
    board, stuck = leftover(problem, node)
    simple = [] if stuck else [{unit: board.where[unit] for unit in mine}]
    for goals in (levelled, packed, simple):
        for goal in sorted(goals, key=lambda goal: _spread(problem, method, goal)):
            steps, late = order.sequence(problem, goal, method)
            if not late:
                return Drained(steps)
    return _together(problem, mine) or Drained(None)


def _together(problem: Problem, mine: list[int]) -> Drained | None:
    """A drain without helpers for which all disks are placed together; None where none was found."""
    found = packing.pack(problem, mine)
    return Drained(order.patient(problem, found.steps), landed=found.landed) if found else None


def _looked_at_all(problem: Problem, node: int, mine: list[int], method: Method) -> Drained | None:
    """The best drain of a small cluster, or that there is none; None where that could not be decided."""
    search, guests = exhaustive.Exhaustive(problem, node), sum(len(problem.units[unit].guests) for unit in mine)
    found: list[exhaustive.Seen] = []
    for helpers in (*HELPERS, UNLIMITED):
        limits = exhaustive.Limits(moves=guests + helpers)
        if found := search.best(limits, lambda seen: (*Level.weighed(problem.facts.policy, seen.spreads).rank(0.0), seen.cost)):
            break
    for seen in found:
        steps, late = order.sequence(problem, seen.goal(problem), method)
        if not late and not any(step.parking for step in steps):
            return Drained(steps, True)
    if not found:
        return Drained(None, True)
    cheapest = way.to_empty(problem, node)
    return Drained(cheapest.steps, cheapest.sure) if cheapest.steps or cheapest.sure else None


def _spread(problem: Problem, method: Method, goal: dict[int, int]) -> float:
    board = Board(problem)
    for unit, place in goal.items():
        board.move(unit, place)
    return score.spread(problem, board.load, method)


def lacking(problem: Problem, mine: list[int]) -> Resource | None:
    """The resource of which the nodes that take guests together have too little left for these units; None when it may suffice."""
    places = [place for place in problem.active if problem.takes[place]]
    for resource in RESOURCES:
        need = sum(problem.units[unit].size(resource) for unit in mine)
        room = sum(max(0.0, problem.cap[resource][place] - problem.load[resource][place]) for place in places)
        if need > room + ROUNDING:
            return resource
    return None


def _aims(problem: Problem, board: Board, price: float) -> list[Room]:
    """What is over the capacities, in mean units of each resource."""
    aims = []
    for resource in RESOURCES:
        sizes = [size for size in problem.sizes[resource] if size]
        if sizes and any(problem.total[resource][node] for node in problem.active):
            aims.append(Room(board, resource, price * len(sizes) / sum(sizes)))
    return aims


def _pack(problem: Problem, node: int, mine: list[int], numbers: Sequence[int]) -> list[dict[int, int]]:
    """Different placements that fit with the fewest helpers of these numbers."""
    guests = sum(len(problem.units[unit].guests) for unit in mine)
    for helpers in numbers:
        goals = []
        for seed in range(1, (TRIES if len(problem.units) <= SMALL else TRIES // 2) + 1):
            board = _spread_out(problem, node, mine, seed)
            if board is None:
                continue
            aims = _aims(problem, board, 1.0)
            if all(aim.reached for aim in aims):
                return [{unit: place for unit, place in enumerate(board.where) if place != problem.units[unit].home}]
            search = Anneal(board, aims, [0.0] * len(problem.units), guests + helpers)
            found = search.run(Schedule(EFFORT, *PACKING_HEAT, seed=seed, enough=0.0))
            if found is not None and found.goal not in goals:
                goals.append(found.goal)
        if goals:
            return goals
    return []


def _spread_out(problem: Problem, node: int, mine: list[int], seed: int) -> Packing | None:
    """All units of the node somewhere else, whether they fit or not: those with the fewest nodes first, each on the emptiest one.

    Where a rule leaves a unit no node, guests that stand in its way make room first. Every seed after the first shuffles the choices.
    """
    board, chance, left = Packing(problem, node), Random(seed), list(mine)
    memory, total = board.memory, problem.total["memory"]
    while left:
        free = {unit: [place for place in problem.active if board.fits(unit, place)] for unit in left}
        unit = min(left, key=lambda unit: (len(free[unit]), -problem.units[unit].memory, unit))
        left.remove(unit)
        places = _places(board, unit, free[unit])
        if not places:
            return None
        size = problem.units[unit].memory
        fullness = {place: (memory[place] + size) / (total[place] or 1.0) * _shuffle(chance, seed) for place in places}
        board.move(unit, min(places, key=lambda place: (fullness[place], place)))
    return board


def _places(board: Packing, unit: int, free: list[int]) -> list[int]:
    """Where the unit may go: where there is room; else where others with room elsewhere make way; else where rules at least let it go."""
    problem, roomy = board.problem, [place for place in free if Board.fits(board, unit, place)]
    if roomy:
        return roomy
    for fits, choices in ((Board.fits, problem.active), (Packing.fits, () if free else problem.active)):
        for place in choices:
            if place not in free and _make_way(board, unit, place, DEPTH, fits):
                return [place]
    return free


def _shuffle(chance: Random, seed: int) -> float:
    return 1.0 if seed == 1 else chance.uniform(0.5, 1.5)


def _make_way(board: Packing, unit: int, place: int, depth: int, fits: Callable[[Packing, int, int], bool]) -> bool:
    """Move the units that rules set against this one away from the node; True, and they stay away, when it may go there then.

    `fits` says what that means: with or without a look at the room.
    """
    problem, item = board.problem, board.units[unit]
    if not item.allowed[place] or not depth:
        return False
    area, moved = problem.area[place], list[tuple[int, int]]()
    for other, where in enumerate(board.where):
        groups = set(item.groups) & set(board.units[other].groups)
        near = problem.area[where] == area and groups & set(item.wide)
        if other == unit or not groups or (where != place and not near):
            continue
        goals = [goal for goal in problem.active if goal != where and (problem.area[goal] != area or not near)]
        for goal in goals:
            if fits(board, other, goal) or _make_way(board, other, goal, depth - 1, fits):
                moved.append((other, where))
                board.move(other, goal)
                break
    if fits(board, unit, place):
        return True
    for other, where in reversed(moved):
        board.move(other, where)
    return False


def _level(problem: Problem, node: int, method: Method, packed: dict[int, int]) -> dict[int, int]:
    """The most level placement found with as many moves as `packed` has."""
    best, goal = _spread(problem, method, packed), packed
    moves = sum(len(problem.units[unit].guests) for unit in packed)
    for seed, (price, hot) in enumerate(LEVELLING, 1):
        board = Packing(problem, node)
        for unit, place in packed.items():
            board.move(unit, place)
        lead = variances(problem, board, method)
        start = sum(aim.worth for aim in lead)
        if not lead or start <= LEVEL:
            return goal
        search = Anneal(board, [*lead, *_aims(problem, board, start * price)], [0.0] * len(problem.units), moves,
                        soft=start * score.PREFERENCE_SHARE)
        found = search.run(Schedule(EFFORT, start * hot, start * LEVELLED, seed=seed))
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
