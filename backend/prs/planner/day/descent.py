"""Steepest descent over the coming day: which units level its half hours most, the ones with the widest spread first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import sub

from prs.model import Resource
from prs.planner.day.hours import Hours
from prs.planner.day.worth import Worth
from prs.planner.problem.problem import Problem
from prs.planner.search.budget import Budget

STEPS = 24  # moves and swaps looked ahead; what they bring together may be worth it where the first alone is not
PATIENCE = 4  # of them in a row that may be worth less than the best so far
CRITICAL = 0.7  # half hours count in the choice of nodes whose spread is at least this share of the widest
SIDES = 2  # fullest and emptiest nodes of each critical half hour that exchange guests
NODES = 6  # of them that are looked at
PAIRS = 600  # swaps that are looked at in one step
STRIDE = 4  # every so many half hours are looked at to choose a step; all of them say what it is worth
Vector = list[float]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a plan for the day brings each unit, and its worth: gain less cost, in seconds of moving."""

    goal: dict[int, int]
    worth: float


class Descent:
    """One descent on the hours, which it leaves where it ends; `thrift` is the power of the cost that a gain is divided by."""

    def __init__(self, hours: Hours, worth: Worth, budget: Budget, thrift: float) -> None:
        self.hours, self.worth, self.budget, self.thrift = hours, worth, budget, thrift
        self.problem: Problem = hours.problem
        self.means = {resource: self._mean(resource) for resource in hours.levelled}

    def run(self) -> Found:
        """The best of all states on the way down; an empty goal where none is worth its moves."""
        start, hours = self.worth.burden(), self.hours
        best, late = Found({}, 0.0), 0
        for _ in range(STEPS):
            step = self._best_step()
            if step is None:
                break
            for unit, node in step.items():
                hours.move(unit, node)
            goal = self._goal()
            if not self.budget.holds(self.problem, goal):
                break
            value = start - self.worth.burden() - sum(map(self.worth.moving, goal))
            late = 0 if value > best.worth else late + 1
            if value > best.worth:
                best = Found(goal, value)
            if late >= PATIENCE:
                break
        return self._pruned(best, start)

    def _goal(self) -> dict[int, int]:
        return {unit: node for unit, node in enumerate(self.hours.board.where) if node != self.problem.units[unit].home}

    def _pruned(self, found: Found, start: float) -> Found:
        """The plan without the moves that it is better without; the hours end with it."""
        hours = self.hours
        for unit in self._goal():
            hours.move(unit, self.problem.units[unit].home)
        for unit, node in found.goal.items():
            hours.move(unit, node)
        goal, best = dict(found.goal), found.worth
        for unit in sorted(found.goal, key=lambda one: -self.worth.moving(one)):
            hours.move(unit, self.problem.units[unit].home)
            rest = {other: node for other, node in goal.items() if other != unit}
            value = start - self.worth.burden() - sum(map(self.worth.moving, rest))
            if value > best:
                goal, best = rest, value
            else:
                hours.move(unit, goal[unit])
        return Found(goal, best)

    def _mean(self, resource: Resource) -> Vector:
        """The load of all nodes together by half hour, as a fraction of their capacity; no move changes it."""
        total, load = self.problem.total[resource], self.hours.load[resource]
        places = [node for node in self.problem.active if total[node] > 0]
        whole = sum(total[node] for node in places)
        return [sum(loads) / whole for loads in zip(*(load[node] for node in places), strict=True)]

    def _best_step(self) -> dict[int, int] | None:
        """The move or swap that levels most for what it costs."""
        best: tuple[float, dict[int, int]] | None = None
        for gain, step in (*self._moves(), *self._swaps()):
            value = gain / sum(map(self.worth.moving, step)) ** self.thrift
            if value > 1e-12 and (best is None or value > best[0]):
                best = value, step
        return best[1] if best else None

    def _sides(self) -> tuple[list[int], list[int]]:
        """The nodes that are the fullest, and those that are the emptiest, when the spread is widest."""
        full, empty = dict[int, float](), dict[int, float]()
        for resource in self.hours.levelled:
            total, load = self.problem.total[resource], self.hours.load[resource]
            places = [node for node in self.problem.active if total[node] > 0]
            spreads = [max(use) - min(use) for use in zip(*self.hours.usage(resource), strict=True)]
            line = CRITICAL * max(spreads, default=0.0)
            for half in sorted((half for half, spread in enumerate(spreads) if spread >= line), key=lambda half: -spreads[half]):
                ranked = sorted(places, key=lambda node: load[node][half] / total[node])
                for node in ranked[:SIDES]:
                    empty.setdefault(node, spreads[half])
                for node in ranked[-SIDES:]:
                    full.setdefault(node, spreads[half])
        return list(full)[:NODES], list(empty)[:NODES]

    def _moves(self) -> Iterator[tuple[float, dict[int, int]]]:
        full, empty = self._sides()
        where, sources = self.hours.board.where, set(full)
        for unit, here in enumerate(where):
            if here in sources:
                for target in empty:
                    if target != here and (gain := self._gain(unit, here, target)) > 0 and self.hours.fits(unit, target):
                        yield gain, {unit: target}

    def _swaps(self) -> Iterator[tuple[float, dict[int, int]]]:
        """Exchanges between the fullest and the emptiest nodes, as many as there is time for."""
        full, empty = self._sides()
        where, left = self.hours.board.where, PAIRS
        held: dict[int, list[int]] = {}
        for unit, node in enumerate(where):
            held.setdefault(node, []).append(unit)
        for source in full:
            for target in empty:
                mine, theirs = held.get(source, []), held.get(target, [])
                left -= len(mine) * len(theirs)
                if source == target or left < 0:
                    continue
                for one in mine:
                    for two in theirs:
                        gain = self._gain(one, source, target, two)
                        if gain > 0 and self._swappable(one, two):
                            yield gain, {one: target, two: source}

    def _swappable(self, one: int, two: int) -> bool:
        here, there = self.hours.board.where[one], self.hours.board.where[two]
        return self.hours.board.swaps(one, two) and self.hours.fits(one, there, two) and self.hours.fits(two, here, one)

    def _gain(self, unit: int, source: int, target: int, other: int = -1) -> float:
        """How much more level the hours get: the fourth powers of the distances from the mean, so that the widest count most."""
        gain = 0.0
        for resource, mean in self.means.items():
            total, load, sizes = self.problem.total[resource], self.hours.load[resource], self.hours.size[resource]
            size = sizes[unit][::STRIDE] if other < 0 else list(map(sub, sizes[unit][::STRIDE], sizes[other][::STRIDE]))
            give, take = total[source], total[target]
            if not give or not take:
                continue
            for amount, here, there, middle in zip(size, load[source][::STRIDE], load[target][::STRIDE], mean[::STRIDE], strict=True):
                old = (here / give - middle) ** 2
                new = ((here - amount) / give - middle) ** 2
                other_old = (there / take - middle) ** 2
                other_new = ((there + amount) / take - middle) ** 2
                gain += old * old - new * new + other_old * other_old - other_new * other_new
        return gain
