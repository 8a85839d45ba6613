"""Looks for the moves: the cheapest plan that reaches a spread, or the most level cluster within a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from prs.model import Method, Resource
from prs.planner.objective import score
from prs.planner.objective.objectives import Band, Variance, variances
from prs.planner.problem.board import Board
from prs.planner.problem.problem import UNLIMITED, Problem
from prs.planner.search import schedules
from prs.planner.search.anneal import MANY, Anneal, Found
from prs.planner.search.beam import Beam
from prs.planner.search.budget import Budget
from prs.planner.search.descent import Descent
from prs.planner.search.schedules import Schedule
from prs.planner.search.steepest import Steepest

GUARD = 0.1  # price of harm to other resources, in that of the method's own: it has to give way to what was asked for
STARTS = 2  # of the most level plans found, those that are narrowed further: the next ones end where these do
LONGEST = 30  # moves of the longest plan that the beam looks for; longer ones it finds later than the annealing does
LEVEL = 1e-12  # variance up to which all counts as level: rounding leaves a little of it, even below zero
BETTER = 1e-9  # by so much a plan's value must be below that of doing nothing, which rounding cannot be
# Positions that the beam keeps of each length: so many for all units together, within these bounds, and parts of it for longer plans.
WIDTH_IN_ALL, NARROWEST, WIDEST = 12000, 60, 300
SHORT, LONG_PART, LARGE_PART = 5, 3, 8  # moves up to which it stays whole; the parts beyond, and beyond in large clusters
GUARDED_SHORT, GUARDED_LONG = 2, 4  # and parts of these where other resources are guarded: there is a plan to go on from then
AROUND, AROUND_IN_ALL = 3, 400  # units looked at around the ideal size: these, and more the fewer units there are
TIE = 1e-12  # price of a second of moving in a search for level: it decides only between plans equally level


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
    units = len(problem.units)
    first, then = schedules.to_spread(units)
    first = schedules.guarded(units, first) if guarded else first
    runs = first[:schedules.HURRY] if hurry else first if begun is None else first[schedules.HURRY:]
    found = [*(begun or ()), *_bands(problem, method, widths, guarded, runs)]
    if patient and not found:
        found = list(_bands(problem, method, widths, guarded, then))
    if start:
        found += _bands(problem, method, widths, guarded, [schedules.pruning(units)], start)
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


def level(problem: Problem, method: Method, budget: Budget, unguarded: Mapping[int, int] | None = None) -> list[Found]:
    """Plans within the budget, the most level first; only those better than doing nothing.

    `unguarded` is the goal of a plan that makes another resource too uneven: those found then do not, or less.
    """
    moves, size = MANY if budget.moves is None else budget.moves, UNLIMITED if budget.size is None else budget.size
    board = Board(problem)
    aims = variances(problem, board, method)
    start = sum(aim.worth for aim in aims)
    if not aims or start <= LEVEL:
        return []
    units = len(problem.units)
    around = AROUND + AROUND_IN_ALL // units
    guards = {} if unguarded is None else score.guards(problem, method)
    width = _width(units, moves) // (1 if unguarded is None else GUARDED_SHORT if moves <= SHORT else GUARDED_LONG)
    best = Beam(board, aims, min(moves, LONGEST), size, width, around, guards).run()
    found = [Found(best.value, dict(best.goal))]
    beam = found[0].goal

    def anneal(goal: Mapping[int, int], schedule: Schedule) -> list[Found]:
        board = Board(problem)
        for unit, place in goal.items():
            board.move(unit, place)
        every: list[Band | Variance] = [*variances(problem, board, method)]
        leads = len(every)
        if guards:
            every += _fences(problem, board, guards, start * units)
        costs = [unit.cost * TIE for unit in problem.units]
        one = Anneal(board, every, costs, moves, size, leads, start * score.PREFERENCE_SHARE).run(schedule)
        return [one] if one else []

    for from_best, schedule in schedules.to_level(units, start, best.value):
        if unguarded is None:
            found += anneal(beam if from_best else {}, schedule)
        elif from_best:
            found += anneal(beam, schedule) + anneal(unguarded, schedule)
    if last := schedules.polishing(units, start):
        found += anneal(min(found, key=lambda one: one.value).goal, last)
    goals: tuple[Mapping[int, int], ...] = ({}, min(found, key=lambda one: one.value).goal)
    found += [_descended(problem, method, moves, size, guards, goal) for goal in goals]
    return sorted((one for one in found if one.value < start - BETTER), key=lambda one: one.value)


def _descended(
    problem: Problem, method: Method, moves: int, size: float, guards: Mapping[Resource, float], start: Mapping[int, int]
) -> Found:
    """What a steepest descent makes of the cluster, or of what a goal has made of it."""
    board = Board(problem)
    aims = variances(problem, board, method)
    goal = Steepest(board, aims, moves, size, guards).run(start)
    for unit, place in goal.items():
        board.move(unit, place)
    for aim in aims:
        aim.center()
    return Found(sum(aim.worth for aim in aims), goal)


def _width(units: int, moves: int) -> int:
    """How many positions of each length the beam keeps."""
    whole = max(NARROWEST, min(WIDEST, WIDTH_IN_ALL // units))
    return whole if moves <= SHORT else whole // (LONG_PART if units <= schedules.BROAD else LARGE_PART)


def narrowed(
    problem: Problem, goal: Mapping[int, int], budget: Budget, aim: float, guards: Mapping[Resource, float]
) -> dict[int, int]:
    """The goal with further moves and swaps for as long as they lower the widest spread, or the sum of the spreads; see `Level`."""
    return Descent(problem, goal, aim, guards, lambda goal: budget.holds(problem, goal)).run()
