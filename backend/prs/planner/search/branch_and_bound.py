"""The cheapest plan to a spread by looking at all of them, as far as that is possible: what is not found then does not exist.

After a plan all loads lie in a band of the spread's width, and the mean load, which no move changes, lies in it too. The lower ends that
such a band may have are cut into slices, and for each slice the units are decided on one after the other, the largest first: which of
them stay, and where each other one goes. A branch ends where the units left cannot bring all nodes near the band, or where even the
cheapest way to do so costs as much as the best plan known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise

from prs.model import Resource
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.problem import UNLIMITED, Problem
from prs.planner.search.anneal import Found

UNITS = 1200  # with more it is not tried: too few branches come to an end to prove anything
SLICES = 4  # parts of the range of the lower end of bands: the narrower, the sooner a branch ends; each one is a search of its own
MOST_VISITS, VISITS_IN_ALL = 60000, 10**6  # branches looked at, at most; and that number by the nodes that each one counts: a second or two
ENDLESS = 1e30  # price of a unit without a size, which covers nothing; finite, so that nothing times it is nothing
SHARES = (0.75, 0.9, 1.0)  # parts of the best cost known that are tried as limits, one after the other: each one passed is a bound
REFUSALS = 30  # placements within the widths that could not be used, after which the search gives up: the next ones are alike
EXACT = 1e-9  # share of a load or a cost that rounding may hide


class Side:
    """One resource of a search: what each node has too much or too little of, and what that must cost at least."""

    def __init__(self, problem: Problem, board: Board, resource: Resource, width: float) -> None:
        self.load, self.total, self.sizes = board.load[resource], problem.total[resource], problem.sizes[resource]
        self.nodes = [node for node in problem.active if self.total[node] > 0]
        self.width, self.mean = width + EXACT, score.mean(problem, resource)
        self.first = max(self.mean, score.peak(problem, resource)) - self.width
        self.overhead = problem.facts.policy.overhead
        self._prepare(problem, range(len(problem.units)), False)
        self.slice(self.first, self.mean)

    def slice(self, low: float, high: float) -> None:
        """Look only at bands whose lower end is between these loads."""
        self.least = [(node, low * self.total[node]) for node in self.nodes]
        self.most = [(node, (high + self.width) * self.total[node]) for node in self.nodes]

    def follow(self, problem: Problem, units: list[int]) -> None:
        """Let what is left be counted exactly: the units are decided on in this order, the largest on this resource first."""
        self._prepare(problem, units, True)

    def _prepare(self, problem: Problem, units: range | list[int], exact: bool) -> None:
        """Sums of the units' sizes, the largest first, on each node and in all; and by number of units decided on where the rest begins."""
        every, ranked = problem.units, units if exact else sorted(units, key=lambda unit: -self.sizes[unit])
        on: dict[int, list[float]] = {node: [0.0] for node in self.nodes}
        self.start = [dict.fromkeys(self.nodes, 0)]
        for unit in ranked:
            row = on.get(every[unit].home)
            if row is not None:
                row.append(row[-1] + self.sizes[unit])
            self.start.append({node: len(row) - 1 if exact else 0 for node, row in on.items()})
        self.on, self.any, self.exact = on, [0.0, *accumulate(self.sizes[unit] for unit in ranked)], exact
        ratios = [(every[unit].cost - self.overhead) / self.sizes[unit] if self.sizes[unit] > 0 else UNLIMITED for unit in ranked]
        least = list(accumulate(reversed(ratios), min, initial=UNLIMITED))[::-1]
        self.price = [min(price, ENDLESS) for price in (least if exact else [least[0]] * len(least))]

    @property
    def reached(self) -> bool:
        """True when the spread is within the width."""
        use = [self.load[node] / self.total[node] for node in self.nodes]
        return max(use) - min(use) <= self.width

    def beyond(self, number: int, room: float) -> bool:
        """True when the units left need at least `room` seconds to bring all nodes into the slice's range, or cannot.

        What leaves different nodes is different units, and so is what arrives at different nodes.
        """
        load, on, start, price, overhead = self.load, self.on, self.start[number], self.price[number], self.overhead
        if room <= 0.0:
            return True
        over, leave = 0.0, 0
        for node, most in self.most:
            if load[node] > most:
                amount = (load[node] - most) * (1 - EXACT)
                sums, first = on[node], start[node]
                place = bisect_left(sums, sums[first] + amount, first)
                leave, over = leave + place - first, over + amount
                if place == len(sums) or overhead * leave + over * price >= room:
                    return True
        every, first = self.any, number if self.exact else 0
        under, arrive = 0.0, 0
        for node, least in self.least:
            if load[node] < least:
                amount = (least - load[node]) * (1 - EXACT)
                place = bisect_left(every, every[first] + amount, first)
                arrive, under = arrive + place - first, under + amount
                if place == len(every) or overhead * arrive + under * price >= room:
                    return True
        return False


class Exact:
    """One search among the plans cheaper than `cost` after which no spread is wider than `widths` and `guards` say.

    `best` is the cheapest that `accept` takes; `bound` is proven: no plan costs less.
    """

    def __init__(
        self, problem: Problem, widths: Mapping[Resource, float], guards: Mapping[Resource, float], cost: float, visits: int,
        accept: Callable[[Mapping[int, int]], bool],
    ) -> None:
        self.problem, self.cost, self.accept, self.board = problem, cost, accept, Board(problem)
        self.best: Found | None = None
        self.unguarded: Found | None = None  # the cheapest met that only the guards stand against
        self.bound, self.refused, self.refusals = 0.0, UNLIMITED, 0
        self.visits, self.spare = 0, visits
        self.sides = [Side(problem, self.board, resource, width) for resource, width in widths.items() if any(problem.sizes[resource])]
        self.guards = guards
        self.places = [[node for node in problem.active if unit.allowed[node]] for unit in problem.units]
        self.units = sorted(range(len(problem.units)), key=self._rank) if self.sides else []
        self.twin = [False] + [self._rank(one)[:-1] == self._rank(two)[:-1] for one, two in pairwise(self.units)]
        if self.sides:
            self.sides[0].follow(problem, self.units)

    def _rank(self, unit: int) -> tuple[object, ...]:
        """The order in which units are decided on; but for the last part the same for units of which one can stand for another."""
        item = self.problem.units[unit]
        rest = (item.home, item.allowed, item.cost, item.memory, item.cpu, item.disk, item.growth, item.groups, item.needs, item.landings)
        return (-self.sides[0].sizes[unit], *rest, unit)

    def run(self) -> Exact:
        """Look below one limit after the other, as far as the visits reach."""
        top = self.cost
        for share in SHARES if self.sides else ():
            self.cost = top * share
            self.visits = self.spare // (2 if share < 1.0 else 1)
            self.spare -= self.visits
            self._search()
            self.spare += max(0, self.visits)
            if self.visits <= 0:
                break
            self.bound = min(self.cost, self.refused)
            if self.best:
                break
        return self

    def _search(self) -> None:
        side = self.sides[0]
        step = max(0.0, side.mean - side.first) / SLICES
        for low, high in pairwise(side.first + step * number for number in range(SLICES + 1)):
            side.slice(low, high)
            self._decide(0, 0.0)

    def _decide(self, first: int, paid: float) -> None:
        """Decide on the units from `first` on, those before it being where they are for good."""
        if paid < self.cost * (1 - EXACT) and all(side.reached for side in self.sides) and self._take(first, paid):
            return
        for number in range(first, len(self.units)):
            self.visits -= 1
            limit = self.cost * (1 - EXACT)
            if self.visits <= 0 or any(side.beyond(number, limit - paid) for side in self.sides):
                return
            unit = self.units[number]
            item = self.problem.units[unit]
            # Of twins the first ones go: where one has stayed, the next one going would be the same plan again.
            if paid + item.cost < limit and not (number > first and self.twin[number]):
                for place in self.places[unit]:
                    self.board.move(unit, place)
                    self._decide(number + 1, paid + item.cost)
                self.board.move(unit, item.home)

    def _take(self, number: int, paid: float) -> bool:
        """Keep a placement within the widths if it can be used."""
        where, units = self.board.where, self.problem.units
        goal = {unit: where[unit] for unit in self.units[:number] if where[unit] != units[unit].home}
        if score.worsened(self.problem, self.board.load, self.guards):
            self.unguarded = Found(paid, goal) if self.unguarded is None or paid < self.unguarded.value else self.unguarded
            return False
        if not self.accept(goal):
            self.refused, self.refusals = min(self.refused, paid), self.refusals + 1
            self.visits = 0 if self.refusals > REFUSALS else self.visits
            return False
        self.cost, self.best = paid, Found(paid, goal)
        return True


def visits(problem: Problem) -> int:
    """How many branches may be looked at: each takes as long as there are nodes, and in large clusters too few would come to an end."""
    return 0 if len(problem.units) > UNITS else min(MOST_VISITS, VISITS_IN_ALL // max(1, len(problem.names)))
