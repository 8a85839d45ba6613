"""A proven lower bound for the cost of any plan to a spread, in seconds: no search, only what has to leave and to arrive.

After a plan every load lies in some band [low, low + width], and the mean load, which no move changes, lies in it too. For each band
the loads above it have to leave their nodes and the loads below it have to arrive; each unit leaves one node and arrives at one. What
covers such an amount costs at least the overhead of as many units as the largest ones would need, and the copying of the share
of units that is the cheapest to copy for its size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

from prs.model import Method, Resource
from prs.planner.objective import score
from prs.planner.problem.problem import UNLIMITED, Problem

BANDS = 32  # intervals of bands looked at; more make the bound tighter, by little from here on
SLACK = 1e-7  # share of an amount that rounding may hide


class Cover:
    """The least cost of units that together have at least some size; units of size 0 cover nothing."""

    def __init__(self, problem: Problem, resource: Resource, units: Sequence[int]) -> None:
        sizes, every = problem.sizes[resource], problem.units
        rows = [(sizes[unit], every[unit].cost) for unit in units if sizes[unit] > 0]
        self.overhead = problem.facts.policy.overhead
        self.largest = list(accumulate(sorted((size for size, _ in rows), reverse=True)))
        whole, copying = _cheapest(rows), _cheapest([(size, cost - self.overhead) for size, cost in rows])
        self.shares = (whole, copying)

    def count(self, amount: float) -> float:
        """The fewest units that can cover the amount; infinite when all together do not."""
        amount *= 1 - SLACK
        if amount <= 0:
            return 0
        found = bisect_left(self.largest, amount)
        return found + 1 if found < len(self.largest) else UNLIMITED

    def least(self, amount: float, count: float) -> float:
        """The least seconds in which the amount can be covered by at least so many units."""
        amount *= 1 - SLACK
        if amount <= 0:
            return 0.0
        whole, copying = (_share(share, amount) for share in self.shares)
        return max(whole, self.overhead * count + copying)


Share = tuple[list[float], list[float]]  # sizes and costs of ever more units, those with the least cost for their size first


def _cheapest(rows: Sequence[tuple[float, float]]) -> Share:
    ranked = sorted(rows, key=lambda row: row[1] / row[0])
    return list(accumulate(size for size, _ in ranked)), list(accumulate(max(0.0, cost) for _, cost in ranked))


def _share(share: Share, amount: float) -> float:
    """The cost of the amount when the last unit may be taken in part; infinite when there is not so much."""
    sizes, costs = share
    place = bisect_left(sizes, amount)
    if place == len(sizes):
        return UNLIMITED
    size, cost = (sizes[place - 1], costs[place - 1]) if place else (0.0, 0.0)
    return cost + (costs[place] - cost) * (amount - size) / (sizes[place] - size)


class Needs:
    """What must leave and arrive for a band of one resource."""

    def __init__(self, problem: Problem, resource: Resource) -> None:
        self.total, self.load = problem.total[resource], problem.load[resource]
        self.nodes = [node for node in problem.active if self.total[node] > 0]
        at: dict[int, list[int]] = {node: [] for node in self.nodes}
        for unit, item in enumerate(problem.units):
            if item.home in at:
                at[item.home].append(unit)
        self.here = {node: Cover(problem, resource, units) for node, units in at.items()}
        self.any = Cover(problem, resource, [unit for units in at.values() for unit in units])

    def leaving(self, high: float) -> float:
        """Least seconds in which all that is over the load `high` leaves: the units of different nodes are different ones."""
        seconds = 0.0
        for node, cover in self.here.items():
            amount = self.load[node] - high * self.total[node]
            if amount > 0:
                seconds += cover.least(amount, cover.count(amount))
        return seconds

    def arriving(self, low: float) -> float:
        """Least seconds in which all nodes reach the load `low`: the units that end on different nodes are different ones."""
        amounts = [amount for node in self.nodes if (amount := low * self.total[node] - self.load[node]) > 0]
        return self.any.least(sum(amounts), sum(self.any.count(amount) for amount in amounts))


def to_spread(problem: Problem, method: Method, width: float) -> float | None:
    """Seconds that any moves cost after which the spread of the method is at most `width`; None when nothing reaches that."""
    widths = score.widths(problem.facts.policy, method, width)
    found = max((_one(problem, resource, width) for resource, width in widths.items()), default=0.0)
    return None if found == UNLIMITED else found


def _one(problem: Problem, resource: Resource, width: float) -> float:
    """The bound for one resource: the least of all intervals of bands, by what leaves at its upper end and arrives at its lower one."""
    middle, needs, width = score.mean(problem, resource), Needs(problem, resource), width + score.ROUNDING
    first = max(middle, score.peak(problem, resource)) - width
    if not needs.nodes or first > middle + SLACK:
        return UNLIMITED if needs.nodes else 0.0
    step = max(0.0, middle - first) / BANDS
    lows = [first + step * number for number in range(BANDS + 1)]
    return min(max(needs.leaving(high + width), needs.arriving(low)) for low, high in pairwise(lows))


def to_empty(problem: Problem, node: int) -> float:
    """Seconds that the moves of the units on a node cost, which all have to leave it."""
    return sum(unit.cost for unit in problem.units if unit.home == node)
