"""Simulated annealing over where the units are: small changes, the good ones kept, the bad ones ever more rarely.

Effort is bounded by counted steps and the random numbers come from a fixed seed, so that the same snapshot gives the same plan.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from math import log
from random import Random

from prs.planner.aims import Band
from prs.planner.limits import Board

Change = tuple[int, int]  # a unit and the node it goes to


class Anneal:
    """One search position: a board, what it is to reach (`aims`, the first one leads), and which units have left home."""

    def __init__(self, board: Board, aims: Sequence[Band], seed: int) -> None:
        self.board, self.aims, self.lead = board, aims, aims[0]
        self.where, self.units, self.sizes = board.where, board.units, self.lead.sizes
        self.cost = [unit.cost for unit in board.units]
        self.home = [unit.home for unit in board.units]
        self.nodes = self.lead.nodes
        self.on: list[list[tuple[float, int]]] = [[] for _ in board.problem.names]  # units by size on each node
        for unit, place in enumerate(self.where):
            self.on[place].append((self.sizes[unit], unit))
        for row in self.on:
            row.sort()
        self.moved = [unit for unit, place in enumerate(self.where) if place != self.home[unit]]
        self.place = {unit: place for place, unit in enumerate(self.moved)}
        self.paid = sum(self.cost[unit] for unit in self.moved)
        self.random = Random(seed).random

    def run(self, steps: int, hot: float, cold: float, every: int) -> tuple[float, dict[int, int]] | None:
        """Search for the cheapest position inside all aims; cost in seconds and the units that are not at home, None if there is none."""
        best, found, heat, random = float("inf"), dict[int, int](), hot, self.random
        cooling, accepted = (cold / hot) ** (1 / steps), 0
        start = [aim.price for aim in self.aims]
        for step in range(steps):
            heat *= cooling
            if step % 64 == 0:
                for aim, price in zip(self.aims, start, strict=True):
                    aim.price = price * self.ramp ** (step / steps)
            chance = random()
            if chance < 0.55:
                taken = self._shift(heat)
            elif not self.moved:
                continue
            elif chance < 0.70:
                unit = self.moved[int(random() * len(self.moved))]
                taken = self._single(unit, self.home[unit], heat)
            elif chance < 0.80:
                taken = self._single(self.moved[int(random() * len(self.moved))], self._cool(), heat)
            elif chance < 0.95:
                taken = self._exchange(heat)
            else:
                taken = self._swap(heat)
            if taken:
                accepted += 1
                if accepted % every == 0:
                    for aim in self.aims:
                        aim.center()
                if self.paid < best - 1e-9 and not any(aim.bad for aim in self.aims):
                    best, found = self.paid, {unit: self.where[unit] for unit in self.moved}
        return (best, found) if found else None

    def _warm(self) -> int:
        """One of two random nodes, the fuller one."""
        nodes, lead = self.nodes, self.lead
        one, two = nodes[int(self.random() * len(nodes))], nodes[int(self.random() * len(nodes))]
        return one if lead.load[one] * lead.total[two] >= lead.load[two] * lead.total[one] else two

    def _cool(self) -> int:
        """One of two random nodes, the emptier one."""
        nodes, lead = self.nodes, self.lead
        one, two = nodes[int(self.random() * len(nodes))], nodes[int(self.random() * len(nodes))]
        return two if lead.load[one] * lead.total[two] >= lead.load[two] * lead.total[one] else one

    def _near(self, node: int, size: float) -> int:
        """A unit on the node of about this size, -1 if it has none."""
        row = self.on[node]
        if not row:
            return -1
        chance = self.random()
        if chance < 0.3:
            return row[int(self.random() * len(row))][1]
        place = bisect_left(row, (size, 0)) + int((self.random() - 0.6) * 8)
        return row[max(0, min(len(row) - 1, place))][1]

    def _shift(self, heat: float) -> bool:
        """A unit of about the right size from a node that has too much, or to one that has too little."""
        lead, random = self.lead, self.random
        source, target = self._warm(), self._cool()
        if lead.bad:
            node = lead.bad[int(random() * len(lead.bad))]
            if lead.load[node] > lead.highest[node]:
                source = node
            else:
                target = node
        if source == target:
            return False
        unit = self._near(source, lead.wish(source, target))
        return unit >= 0 and self._single(unit, target, heat)

    def _single(self, unit: int, target: int, heat: float) -> bool:
        """Move one unit if the change is good enough."""
        source, home = self.where[unit], self.home[unit]
        if source == target:
            return False
        change = self.cost[unit] if source == home else -self.cost[unit] if target == home else 0.0
        for aim in self.aims:
            change += aim.change(unit, source, target)
        if (change > 0 and change > -heat * log(self.random())) or not self.board.fits(unit, target):
            return False
        self._go(unit, target)
        return True

    def _exchange(self, heat: float) -> bool:
        """Send a moved unit home, and another one from there in its place."""
        unit = self.moved[int(self.random() * len(self.moved))]
        home = self.home[unit]
        other = self._near(home, self.sizes[unit])
        if other < 0 or other == unit:
            return False
        return self._both(unit, home, other, self.where[unit], heat)

    def _swap(self, heat: float) -> bool:
        """Let two units of about the same size change places."""
        source, target = self._warm(), self._cool()
        if source == target or not self.on[source]:
            return False
        unit = self.on[source][int(self.random() * len(self.on[source]))][1]
        other = self._near(target, self.sizes[unit] - self.lead.wish(source, target))
        return other >= 0 and self._both(other, source, unit, target, heat)

    def _both(self, first: int, there: int, second: int, where: int, heat: float) -> bool:
        """Make two moves if both fit and the change is good enough, else none."""
        before, back, again = self._value(), self.where[first], self.where[second]
        if not self.board.fits(first, there):
            return False
        self._go(first, there)
        if where != again and self.board.fits(second, where):
            self._go(second, where)
            change = self._value() - before
            if change <= 0 or change <= -heat * log(self.random()):
                return True
            self._go(second, again)
        self._go(first, back)
        return False

    def _value(self) -> float:
        return self.paid + sum(aim.price * aim.value for aim in self.aims)

    def _go(self, unit: int, target: int) -> None:
        """Move the unit and keep all counts."""
        source, home, key = self.where[unit], self.home[unit], (self.sizes[unit], unit)
        self.board.move(unit, target)
        row = self.on[source]
        del row[bisect_left(row, key)]
        insort(self.on[target], key)
        if source == home:
            self.paid += self.cost[unit]
            self.place[unit] = len(self.moved)
            self.moved.append(unit)
        elif target == home:
            self.paid -= self.cost[unit]
            place, last = self.place.pop(unit), self.moved.pop()
            if last != unit:
                self.moved[place], self.place[last] = last, place
        for aim in self.aims:
            aim.note(source, target)
