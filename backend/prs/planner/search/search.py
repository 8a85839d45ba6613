"""Looks for the moves: the cheapest plan that reaches a spread, or the most level cluster within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from prs.model import Method, Resource
from prs.planner.objective import score
from prs.planner.objective.objectives import Band, Variance, variances
from prs.planner.problem.board import Board
from prs.planner.problem.problem import UNLIMITED, Problem
from prs.planner.search.anneal import MANY, Anneal, Found, Schedule
from prs.planner.search.beam import Beam
from prs.planner.search.descent import Descent
from prs.planner.search.way import Step

SMALL, BROAD, LARGE = 400, 1200, 3000  # units; the fewer, the more different searches; from LARGE on one is longer
GUARD = 0.1  # price of harm to other resources, in that of the method's own
HURRY = 2  # searches made in a hurry
STARTS = 2  # of the most level plans found, those that are narrowed further
LONGEST = 30  # moves of the longest plan that the beam looks for


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be moved: number of guests and bytes; None = as much as it takes."""

    moves: int | None = None
    size: int | None = None

    def holds(self, problem: Problem, goal: Iterable[int]) -> bool:
        """True when moving these units keeps to the budget."""
        units = [problem.units[unit] for unit in goal]
        return (self.moves is None or sum(len(unit.guests) for unit in units) <= self.moves) and (
            self.size is None or sum(unit.bytes for unit in units) <= self.size)

    def within(self, problem: Problem, steps: Sequence[Step]) -> list[Step]:
        """The first steps, as many as fit in the budget, detours included."""
        kept, count, size = list[Step](), 0, 0
        for step in steps:
            unit = problem.units[step.unit]
            count, size = count + len(unit.guests), size + unit.bytes
            if (self.moves is not None and count > self.moves) or (self.size is not None and size > self.size):
                break
            kept.append(step)
        return kept

    def less(self, problem: Problem, goal: Iterable[int]) -> Budget:
        """What is left of it when these units move."""
        units = [problem.units[unit] for unit in goal]
        return Budget(None if self.moves is None else max(0, self.moves - sum(len(unit.guests) for unit in units)),
                      None if self.size is None else max(0, self.size - sum(unit.bytes for unit in units)))


def _schedules(units: int) -> tuple[list[Schedule], list[Schedule]]:
    """The searches for the cheapest plan, and those that follow when they find none: hotter, for loads that only move by detours.

    Prices start low, so that the moves which pay most come first, and end high, so that nothing is left outside the band.
    """
    hard = [Schedule(100000, 60.0, 1.0, 3.0, 5.0, 11, center=5), Schedule(100000, 30.0, 1.0, 1.0, 20.0, 12, center=5)]
    if units <= SMALL:
        steps = min(16000, 300 * units)
        cool = [Schedule(steps, 10.0, 1.0, 0.2, 20.0, seed, strict=seed == 2) for seed in (1, 2, 3)]
        warm = [Schedule(steps, 100.0, 1.0, 0.2, 20.0, 4), Schedule(steps, 100.0, 1.0, 0.2, 20.0, 5, strict=True)]
        hard = [Schedule(steps, hot, 1.0, 0.2, 20.0, seed) for hot, seed in ((100.0, 6), (100.0, 7), (300.0, 8), (300.0, 9))]
        return [*cool, *warm, Schedule(steps, 1000.0, 0.5, 1.0, 3.0, 10)], hard
    if units <= LARGE:
        steps = 40000 if units > BROAD else 60000
        return [Schedule(steps, 5.0, 1.0, 0.1, 100.0, seed, center=10, strict=seed == 2) for seed in (1, 2)], hard
    return [Schedule(150000, 5.0, 1.0, 0.1, 100.0, seed, center=20) for seed in (1, 2)], hard


def _pruning(units: int) -> Schedule:
    """A search that starts within the bands and stays there mostly, because their prices are high all along."""
    return Schedule(min(60000, 300 * units), 10.0, 1.0, 10.0, 1.0, 21, center=1 if units <= SMALL else 10)


def cheapest(
    problem: Problem, method: Method, widths: Mapping[Resource, float], guarded: bool, patient: bool, hurry: bool = False,
    start: Mapping[int, int] | None = None, begun: Sequence[Found] | None = None,
) -> list[Found]:
    """Plans after which no spread is wider than `widths`, the cheapest first; empty when none was found.

    `guarded` plans keep the spread of the other resources within what the policy allows; `patient` searches go on when none was found,
    those in a `hurry` stop early, and `begun` is what one of them has found, to be gone on with; `start` is a plan that is as level
    already, from which another search takes away what can stay.
    """
    if any(width < score.reachable(problem, resource) for resource, width in widths.items()):
        return []
    first, then = _schedules(len(problem.units))
    if guarded and len(problem.units) <= SMALL:  # several things to reach need more heat
        first = [*first[3:], *(replace(first[-1], seed=seed) for seed in (14, 15))]
    runs = first[:HURRY] if hurry else first if begun is None else first[HURRY:]
    found = [*(begun or ()), *_bands(problem, method, widths, guarded, runs)]
    if patient and not found:
        found = list(_bands(problem, method, widths, guarded, then))
    if start:
        found += _bands(problem, method, widths, guarded, [_pruning(len(problem.units))], start)
    return sorted(found, key=lambda one: one.value)


def _bands(
    problem: Problem, method: Method, widths: Mapping[Resource, float], guarded: bool, runs: Sequence[Schedule],
    start: Mapping[int, int] = MappingProxyType({}),
) -> Iterator[Found]:
    costs = [unit.cost for unit in problem.units]
    for run in runs:
        board = Board(problem)
        for unit, place in start.items():
            board.move(unit, place)
        aims = _fences(problem, board, widths, sum(costs))
        leads = len(aims)
        if guarded:
            aims += _fences(problem, board, score.guards(problem, method), GUARD * sum(costs))
        found = Anneal(board, aims, costs, leads=leads, soft=score.PREFERENCE_WORTH).run(run) if aims else None
        if found is not None:
            yield found


def _fences(problem: Problem, board: Board, widths: Mapping[Resource, float], price: float) -> list[Band]:
    """Bands for these resources; all units together outside of one would cost the price."""
    aims = []
    for resource, width in widths.items():
        load = sum(problem.sizes[resource])
        if load and any(problem.total[resource][node] for node in problem.active):
            aims.append(Band(board, resource, width, price / load))
    return aims


def level(problem: Problem, method: Method, budget: Budget, guarded: bool = False) -> list[Found]:
    """Plans within the budget, the most level first; only those better than doing nothing."""
    moves, size = MANY if budget.moves is None else budget.moves, UNLIMITED if budget.size is None else budget.size
    board = Board(problem)
    aims = variances(problem, board, method)
    start = sum(aim.worth for aim in aims)
    if not aims or start <= 1e-12:  # rounding leaves a little of it, even below zero, where all is level
        return []
    units = len(problem.units)
    width = max(60, min(300, 12000 // units)) // (1 if moves <= 5 else 3 if units <= BROAD else 8)
    best = Beam(board, aims, min(moves, LONGEST), size, width, 3 + 400 // units, score.guards(problem, method) if guarded else {}).run()
    found = [Found(best.value, dict(best.goal))]
    starts = [(found[0].goal, 0.3 * best.value + 1e-4 * start, 1e-6 * start, False)]
    if units <= BROAD:
        starts += [({}, 0.02 * start, 1e-4 * start, False)]
        if units <= SMALL:
            starts += [({}, 0.1 * start, 1e-4 * start, False), ({}, 2.0 * start, 1e-3 * start, False)]
        else:
            starts += [({}, 0.02 * start, 1e-4 * start, True)]
        starts += [({}, 2.0 * start, 1e-3 * start, True)]

    def anneal(goal: Mapping[int, int], schedule: Schedule) -> list[Found]:
        board = Board(problem)
        for unit, place in goal.items():
            board.move(unit, place)
        every: list[Band | Variance] = [*variances(problem, board, method)]
        leads = len(every)
        if guarded:
            every += _fences(problem, board, score.guards(problem, method), start * units)
        costs = [unit.cost * 1e-12 for unit in problem.units]
        one = Anneal(board, every, costs, moves, size, leads, start * score.PREFERENCE_SHARE).run(schedule)
        return [one] if one else []

    for seed, (goal, hot, cold, strict) in enumerate(starts, 1):
        steps = 40000 if strict and units > SMALL else min(20000, 500 * units)
        found += anneal(goal, Schedule(steps, hot, cold, seed=seed, strict=strict))
    if SMALL < units <= BROAD:  # once more from the best one, in small steps
        found += anneal(min(found, key=lambda one: one.value).goal, Schedule(40000, 0.02 * start, 1e-5 * start, seed=9, strict=True))
    return sorted((one for one in found if one.value < start - 1e-9), key=lambda one: one.value)


def narrowed(
    problem: Problem, goal: Mapping[int, int], budget: Budget, aim: float, guards: Mapping[Resource, float]
) -> dict[int, int]:
    """The goal with further moves and swaps for as long as they lower the widest spread, or the sum of the spreads; see `Level`."""
    return Descent(problem, goal, aim, guards, lambda goal: budget.holds(problem, goal)).run()
