"""Lowers the widest spread step by step: the fullest node gives, the emptiest one takes, alone or in a swap, for as long as that helps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from prs.model import Resource
from prs.planner.objective import score
from prs.planner.objective.level import Level
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem

ROUNDS = 200  # changes made at most: more than any plan that a search starts from has needed, so that a round trip ends
PARTNERS = 8  # nodes at the other end that are looked at for each of the two, in larger clusters: the next ones hardly differ
UNITS = 60  # units of a node that are looked at, the largest first: smaller ones change little
GAIN = 1e-6  # by less than so much (fraction) nothing is called lower: no figure of PVE is that exact

Change = tuple[tuple[int, int], ...]  # units and the nodes they go to, in an order in which they fit


class Descent:
    """One descent from a goal; `affordable` says whether units may move, `guards` what other resources may become."""

    def __init__(
        self, problem: Problem, goal: Mapping[int, int], aim: float, guards: Mapping[Resource, float],
        affordable: Callable[[Mapping[int, int]], bool],
    ) -> None:
        self.problem, self.aim, self.guards, self.affordable = problem, aim, guards, affordable
        self.goal, self.board = dict(goal), Board(problem)
        for unit, place in goal.items():
            self.board.move(unit, place)

    def run(self) -> dict[int, int]:
        """The goal after the last change that helped."""
        rank = self._rank()
        for _ in range(ROUNDS):
            best: Change = ()
            for change in self._changes():
                after = self._rank_after(change)
                if after < rank and (after[1] < rank[1] - GAIN or after[2] < rank[2] - GAIN):
                    rank, best = after, change
            if not best:
                break
            for unit, place in best:
                self.board.move(unit, place)
                self.goal[unit] = place
            self.goal = {unit: place for unit, place in self.goal.items() if place != self.problem.units[unit].home}
        return self.goal

    def _rank(self) -> tuple[float, ...]:
        return Level.of(self.problem, self.board.load).rank(self.aim)

    def _rank_after(self, change: Change) -> tuple[float, ...]:
        """The rank with the change made, or one behind all others where the change may not be made."""
        if not self.board.fits(*change[0]):
            return (score.NONE,) * 3
        where, fits = [(unit, self.board.where[unit]) for unit, _ in change], True
        for unit, place in change:
            fits = fits and self.board.fits(unit, place)
            self.board.move(unit, place)
        moved = {**self.goal, **dict(change)}
        moved = {unit: place for unit, place in moved.items() if place != self.problem.units[unit].home}
        good = fits and self.affordable(moved) and not (self.guards and score.worsened(self.problem, self.board.load, self.guards))
        rank = self._rank() if good else (score.NONE,) * 3
        for unit, place in reversed(where):
            self.board.move(unit, place)
        return rank

    def _changes(self) -> Iterator[Change]:
        """Moves away from the fullest node and to the emptiest one, and swaps of the fullest one with others, by each resource."""
        problem, active = self.problem, self.problem.active
        on: dict[int, list[int]] = {node: [] for node in active}
        for unit, place in enumerate(self.board.where):
            if place in on:
                on[place].append(unit)
        for resource in score.resources(problem.facts.policy, problem.facts.policy.method):
            load, total, sizes = self.board.load[resource], problem.total[resource], problem.sizes[resource]
            ranked = sorted((node for node in active if total[node] > 0), key=lambda node: (load[node] / total[node], node))
            if len(ranked) < 2:
                continue
            rows = {node: sorted(on[node], key=lambda unit: (-sizes[unit], unit))[:UNITS]
                    for node in (*ranked[:PARTNERS], *ranked[-PARTNERS:])}
            full, empty = ranked[-1], ranked[0]
            for other in ranked[:PARTNERS]:
                yield from (((unit, other),) for unit in rows[full] if other != full and sizes[unit] > 0)
                wish = load[full] - (load[full] + load[other]) * total[full] / (total[full] + total[other])
                yield from self._swaps(rows[full], rows[other], full, other, sizes, wish)
            for other in ranked[-PARTNERS:]:
                yield from (((unit, empty),) for unit in rows[other] if other != empty and sizes[unit] > 0)

    @staticmethod
    def _swaps(more: list[int], less: list[int], full: int, other: int, sizes: Sequence[float], wish: float) -> Iterator[Change]:
        """Two units that change places, either one first, and that differ by about the size that is wished for."""
        ranked = less[::-1]
        rising = [sizes[unit] for unit in ranked]
        for one in more if full != other else ():
            place = bisect_left(rising, sizes[one] - wish)
            for two in ranked[max(0, place - 1): place + 1]:
                yield ((two, full), (one, other))
                yield ((one, other), (two, full))
