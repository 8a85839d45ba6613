"""Balances a small cluster by looking at every placement: the plan is the cheapest that there is, and what is not found does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from prs.model import Resource
from prs.planner.choice import Choice, Target
from prs.planner.explain import reasons
from prs.planner.objective import score
from prs.planner.objective.level import Level
from prs.planner.problem.board import Board
from prs.planner.problem.problem import UNLIMITED, Problem
from prs.planner.search import order, way
from prs.planner.search.budget import Budget
from prs.planner.search.exhaustive import ROUNDING, Exhaustive, Limits, Rank, Seen
from prs.planner.search.way import Step

FINE = 1e-4  # a gain (fraction) that is worth moves where the most level cluster is asked for
COST_STEP = 1.7  # by so much the cost that plans may have grows when none is found: about twice as many are looked at each time
EQUAL_COST = 6  # decimals of a second: what differs by less, costs the same
WITHIN = 0.9  # of the least gain: so much less level than the best in reach a plan may end, and a second run has nothing to do


def choose(problem: Problem, budget: Budget, target: Target) -> Choice | None:
    """The cheapest plan to the target, or as near to it as can be, and what the guard for other resources costs; None if undecided."""
    cluster = Small(problem, budget, score.guards(problem, problem.facts.policy.method))
    choice = cluster.choose(target)
    if choice is None or not cluster.search.guarded:
        return choice
    return replace(choice, guard=cluster.price_of_guard(choice, target))


@dataclass(frozen=True)
class Solved:
    """A way to a placement; `sure` when no other one with a better rank can be reached."""

    seen: Seen
    steps: list[Step]
    cost: float  # of the steps, detours included (seconds)
    sure: bool


class Small:
    """One small cluster, to be looked at for several questions."""

    def __init__(self, problem: Problem, budget: Budget, guards: dict[Resource, float]) -> None:
        self.problem, self.budget, self.guards = problem, budget, guards
        self.policy, self.board = problem.facts.policy, Board(problem)
        self.search = Exhaustive(problem)
        self.start = Level.of(problem, self.board.load, self.search.breaches.on(self.board))
        self.final: Limits | None = None  # what the plan had to keep, once that is known
        self.reached: frozenset[way.State] | None = None  # where safe steps lead, once that had to be worked out

    def ends(self, steps: Iterable[Step]) -> Board:
        """The board after the steps."""
        board = Board(self.problem)
        for step in steps:
            board.move(step.unit, step.target)
        return board

    def level(self, board: Board) -> Level:
        """How good the board is."""
        return Level.of(self.problem, board.load, self.search.breaches.on(board))

    def choose(self, target: Target) -> Choice | None:
        """The cheapest plan to the target, or as near to it as can be; None where that could not be decided."""
        enough, widest = target.enough, max(target.enough, self.start.widest)
        aim = enough if self.start.widest <= enough else target.aim  # only repairs are asked for then
        limits = self._limits(score.widths(self.policy, self.policy.method, widest))

        def rank(seen: Seen) -> Rank:
            return (*self._level(seen).rank(aim), seen.cost)

        if choice := self._at_once(aim, limits):
            return choice
        ranked = self.search.best(limits, rank, by="level", aim=aim)
        best = self._pick(ranked, partial(self.search.best, limits, rank), self._most_level)
        if best is None or not best.sure:
            return None
        level = self._level(best.seen)
        better = level.better(self.start, aim, target.least) or level.widest <= enough < self.start.widest
        if level.breaches == self.start.breaches and not better:
            return Choice(nothing=reasons.nothing(self.problem, self.start, level, enough))
        limits.breaches = level.breaches
        limits.widths = {r: self._width(spread, level.widest, aim, target) / score.weight(self.policy, self.policy.method, r)
                         for r, spread in level.spreads.items()}
        self.final = limits
        return self._cheapest(limits)

    def price_of_guard(self, choice: Choice, target: Target) -> str:
        """What the guard for other resources costs in level and in seconds, in words; "" where it costs nothing."""
        problem, free = self.problem, Small(self.problem, self.budget, {})
        mine, other = self.ends(choice.steps), free.choose(target)
        if other is not None and self.level(free.ends(other.steps)).better(self.level(mine), target.aim):
            return reasons.less_level(problem, free.ends(other.steps))
        cheaper = free._cheapest(replace(self.final, guards={})) if self.final else None
        return reasons.dearer(problem, free.ends(cheaper.steps), self._cost(choice) - self._cost(cheaper)) if cheaper else ""

    def _cost(self, choice: Choice) -> float:
        return sum(self.problem.units[step.unit].cost for step in choice.steps)

    def _limits(self, widths: dict[Resource, float]) -> Limits:
        moves, size = self.budget.moves, self.budget.size
        return Limits(widths, moves=score.NONE if moves is None else moves, size=score.NONE if size is None else size, guards=self.guards)

    def _level(self, seen: Seen) -> Level:
        return Level.weighed(self.policy, seen.spreads, seen.breaches)

    def _at_once(self, aim: float, limits: Limits) -> Choice | None:
        """The cheapest plan that reaches the aim and leaves no rule broken, if there is one: no other is more level than that."""
        if self.start.widest <= aim and not self.start.breaches:
            return None
        aims = score.widths(self.policy, self.policy.method, aim)
        widths = {resource: min(aims[resource], width) for resource, width in limits.widths.items()}
        self.final = replace(limits, widths=widths, breaches=0)
        return self._cheapest(self.final)

    def _steps_of_cost(self, limits: Limits) -> Iterator[float]:
        """Ever higher costs (seconds) to look up to, from that of the cheapest unit on: low ones are soon looked through."""
        costs = [unit.cost for unit in self.problem.units]
        most, every = max(1.0, min(costs, default=0.0)), sum(costs)
        while most < min(every, limits.cost):
            yield most
            most *= COST_STEP
        yield limits.cost

    def _width(self, spread: float, widest: float, aim: float, target: Target) -> float:
        """How wide the spread of a resource may be in the plan: the aim, the spread that is enough, or next to the best."""
        if spread <= aim + ROUNDING:
            return aim
        if widest <= target.enough + ROUNDING:
            return target.enough
        return min(spread + WITHIN * target.least / len(score.resources(self.policy, self.policy.method)), self.start.widest)

    def _cheapest(self, limits: Limits) -> Choice | None:
        """The plan within the limits that costs least, guests off the nodes that rules prefer counted in."""
        problem = self.problem
        preferring = bool(problem.preferences)

        def rank(seen: Seen) -> Rank:
            off = sum(row[seen.where[unit]] for unit, row in problem.preferences.items())
            cost = round(seen.cost + score.PREFERENCE_WORTH * off, EQUAL_COST)
            return (cost, self._lost(seen) if preferring else 0.0, *self._level(seen).rank(0.0))

        found = None
        for most in self._steps_of_cost(limits) if not preferring else (UNLIMITED,):
            ranked = self.search.best(replace(limits, cost=most), rank, by="" if preferring else "cost")
            found = self._pick(ranked, partial(self.search.best, replace(limits, cost=most), rank), self._least_costly)
            if found is not None and (preferring or found.cost <= most):
                break
        if found is None:
            return None
        budget = self.budget.moves is not None or self.budget.size is not None
        return Choice(found.steps, self._floor(limits) if preferring or budget or not found.sure else found.cost)

    def _lost(self, seen: Seen) -> float:
        """By how much (bytes) the largest free memory shrinks."""
        board = Board(self.problem)
        for unit, place in seen.goal(self.problem).items():
            board.move(unit, place)
        return max(0.0, score.block(self.problem, self.problem.load) - score.block(self.problem, board.load))

    def _floor(self, limits: Limits) -> float:
        """What the cheapest placement within the limits costs, whether or not it can be reached and within the budget (seconds).

        Where there is a budget, guards count for nothing either: what they cost beyond it is not said.
        """
        guards = limits.guards if self.budget.moves is None and self.budget.size is None else {}
        free = replace(limits, moves=score.NONE, size=score.NONE, guards=guards)
        found = self.search.best(free, lambda seen: (seen.cost,), by="cost")
        return found[0].cost if found else 0.0

    def _pick(
        self, ranked: list[Seen], again: Callable[[frozenset[way.State]], list[Seen]], pick: Callable[[list[Seen]], Solved | None]
    ) -> Solved | None:
        """What is picked of the placements with the smallest ranks; where none of them is within reach, of all those that are."""
        if (found := pick(ranked)) is not None or not ranked:
            return found
        self.reached = way.reachable(self.problem) if self.reached is None else self.reached
        return None if self.reached is None else pick(again(self.reached))

    def _most_level(self, ranked: list[Seen]) -> Solved | None:
        """The first placement that can be reached within the budget."""
        sure = True
        for seen in ranked:
            steps, known = self._way(seen)
            if steps is not None and self.budget.allows(self.problem, steps):
                return Solved(seen, steps, 0.0, sure)
            sure = sure and known
        return None

    def _least_costly(self, ranked: list[Seen]) -> Solved | None:
        """The placement that costs least with its detours; those without any come first, so that soon none of the rest can be cheaper."""
        best, sure = None, True
        for seen in ranked:
            if best is not None and seen.cost >= best.cost * (1 - ROUNDING):
                break
            steps, known = self._way(seen)
            sure = sure and known
            if steps is not None and self.budget.allows(self.problem, steps):
                cost = sum(self.problem.units[step.unit].cost for step in steps)
                best = Solved(seen, steps, cost, sure) if best is None or cost < best.cost else best
        return best and replace(best, sure=sure)

    def _way(self, seen: Seen) -> tuple[list[Step] | None, bool]:
        """Safe steps to the placement, the most levelling first, and whether it is certain that none cost less."""
        if self.reached is not None and seen.where not in self.reached:
            return None, True
        goal = seen.goal(self.problem)
        steps, late = order.sequence(self.problem, goal, self.policy.method)
        if not late and not any(step.parking for step in steps):
            return steps, True
        found = way.to_placement(self.problem, goal)
        self.reached = found.reached or self.reached
        return found.steps, found.sure
