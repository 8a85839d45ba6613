"""What a search lowers: how far the loads are outside a band (the cheapest plan), or how uneven they are (the most level cluster)."""

from __future__ import annotations

from operator import mul

from prs.model import Method, Resource
from prs.planner.objective import score
from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem

FAR = 1e30  # a load beyond all others, and finite, so that a node of size 0 times it is nothing
ROUNDING = 1e-9  # fraction by which a band is narrower than asked for, so that rounding puts no load outside of it
ENDS = 2  # of the fullest and of the emptiest nodes, those that a search for level starts from


class Band:
    """Load outside a band of the given width (a fraction), priced in seconds per unit of load; the band follows the loads."""

    def __init__(self, board: Board, resource: Resource, width: float, price: float) -> None:
        problem = board.problem
        self.load, self.total = board.load[resource], problem.total[resource]
        self.nodes = [node for node in problem.active if self.total[node] > 0]
        self.sizes = problem.sizes[resource]
        self.width, self.price, self.low = width - ROUNDING, price, -1.0
        middle = score.mean(problem, resource)
        self.least, self.most = max(middle, score.peak(problem, resource)) - width, middle  # no band outside of these can hold all loads
        self.lowest, self.highest = [-FAR] * len(self.total), [FAR] * len(self.total)
        self.outside = [0.0] * len(self.total)
        self.bad: list[int] = []  # nodes outside the band
        self.value = 0.0
        self.center()

    def center(self) -> None:
        """Put the band where the least load is outside of it: a median of the loads and of the loads less the width."""
        use = [self.load[node] / self.total[node] for node in self.nodes]
        use += [one - self.width for one in use]
        use.sort()
        low = (use[len(self.nodes) - 1] + use[len(self.nodes)]) / 2
        low = max(self.least, min(self.most, low))
        if low != self.low:
            self.low = low
            for node in self.nodes:
                self.lowest[node], self.highest[node] = low * self.total[node], (low + self.width) * self.total[node]
            self.refresh()

    def full(self, node: int) -> bool:
        """True for a node over the band."""
        return self.load[node] > self.highest[node]

    def lacking(self, node: int) -> float:
        """Load that has to leave the node, or to come to it."""
        return self.outside[node]

    def follow(self) -> None:
        """Let the band follow the loads."""
        self.center()

    def refresh(self) -> None:
        """Count everything anew from the board's loads."""
        for node in self.nodes:
            load = self.load[node]
            self.outside[node] = max(load - self.highest[node], self.lowest[node] - load, 0.0)
        self.bad = [node for node in self.nodes if self.outside[node] > 0.0]
        self.value = sum(self.outside)

    @property
    def reached(self) -> bool:
        """True when nothing is outside."""
        return not self.bad

    @property
    def worth(self) -> float:
        """Nothing: once all is inside the band, only the cost counts."""
        return 0.0

    def change(self, size: float, source: int, target: int) -> float:
        """The change of the priced value if so much went from one node to the other (a negative size: the other way)."""
        give, take = self.load[source] - size, self.load[target] + size
        change = -self.outside[source] - self.outside[target]
        if give > self.highest[source]:
            change += give - self.highest[source]
        elif give < self.lowest[source]:
            change += self.lowest[source] - give
        if take > self.highest[target]:
            change += take - self.highest[target]
        elif take < self.lowest[target]:
            change += self.lowest[target] - take
        return change * self.price

    def note(self, source: int, target: int) -> None:
        """Take over the loads of two nodes after a step."""
        for node in (source, target):
            load, before = self.load[node], self.outside[node]
            now = load - self.highest[node] if load > self.highest[node] else max(0.0, self.lowest[node] - load)
            if now != before:
                if not before:
                    self.bad.append(node)
                elif not now:
                    self.bad.remove(node)
                self.outside[node] = now
                self.value += now - before

    def ideal_size(self, source: int, target: int) -> float:
        """The size that would best go from one node to the other."""
        room = self.highest[target] - self.load[target]
        need = max(self.load[source] - self.highest[source], self.lowest[target] - self.load[target])
        return min(room, need) if need > 0 else room


class Room(Band):
    """Load over the capacity of the nodes, for a search that starts with too much on some of them."""

    def __init__(self, board: Board, resource: Resource, price: float) -> None:
        super().__init__(board, resource, 1.0, price)
        problem = board.problem
        for node in self.nodes:
            self.lowest[node] = -FAR
            self.highest[node] = max(problem.cap[resource][node], problem.load[resource][node])
        self.refresh()

    def center(self) -> None:
        """Capacities stay where they are."""


class Variance:
    """How uneven the active nodes are: the variance of their loads, times a price."""

    def __init__(self, board: Board, resource: Resource, price: float) -> None:
        problem = board.problem
        self.load, self.total = board.load[resource], problem.total[resource]
        self.nodes = [node for node in problem.active if self.total[node] > 0]
        self.sizes = problem.sizes[resource]
        self.price, self.count = price, len(self.nodes)
        self.share = [0.0] * len(self.total)
        for node in self.nodes:
            self.share[node] = 1.0 / self.total[node]
        self.use: list[float] = []
        self.ends: list[int] | None = None  # the fullest and the emptiest nodes, once somebody has asked for them
        self.value = self.first = self.second = self.middle = 0.0
        self.center()

    def center(self) -> None:
        """Count everything anew from the board's loads."""
        self.use = use = list(map(mul, self.load, self.share))
        self.first, self.second = sum(use), sum(map(mul, use, use))
        self.middle = middle = self.first / self.count
        self.value = self.second / self.count - middle * middle
        self.ends = None

    @property
    def bad(self) -> list[int]:
        """The fullest and the emptiest nodes."""
        if self.ends is None:
            ranked = sorted(self.nodes, key=self.use.__getitem__)
            self.ends = list(dict.fromkeys([*ranked[:ENDS], *ranked[-ENDS:]]))
        return self.ends

    def full(self, node: int) -> bool:
        """True for a node over the mean load."""
        return self.load[node] > self.middle * self.total[node]

    def lacking(self, node: int) -> float:
        """Nothing: there is no band."""
        return 0.0

    def follow(self) -> None:
        """Nothing: the variance always counts from the loads as they are."""

    @property
    def reached(self) -> bool:
        """Always true: the more level, the better."""
        return True

    @property
    def worth(self) -> float:
        """What it counts in the objective of a search."""
        return self.value * self.price

    def change(self, size: float, source: int, target: int) -> float:
        """The change of the priced value if so much went from one node to the other (a negative size: the other way)."""
        give, take = self.share[source], self.share[target]
        less, more = size * give, size * take
        first = self.first + more - less
        second = self.second + less * (less - 2 * self.load[source] * give) + more * (more + 2 * self.load[target] * take)
        middle = first / self.count
        return (second / self.count - middle * middle - self.value) * self.price

    def curve(self, source: int, target: int) -> tuple[float, float]:
        """(a, b) such that `change` of any size between these nodes is (a * size + b) * size."""
        give, take, count = self.share[source], self.share[target], self.count
        tilt = (take - give) / count
        bend = (give * give + take * take) / count - tilt * tilt
        slope = 2 * (take * take * self.load[target] - give * give * self.load[source]) / count - 2 * self.middle * tilt
        return bend * self.price, slope * self.price

    def note(self, source: int, target: int) -> None:
        """Take over the loads of two nodes after a step."""
        self.center()

    def ideal_size(self, source: int, target: int) -> float:
        """The size that would best go from one node to the other."""
        give, take = self.share[source], self.share[target]
        if not give or not take:
            return 0.0
        over, under = self.load[source] * give - self.middle, self.middle - self.load[target] * take
        return (over * give + under * take) / (give * give + take * take)


def variances(problem: Problem, board: Board, method: Method) -> list[Variance]:
    """The variance of each resource that the method levels and any unit can change, the weightiest first: searches begin at its ends."""
    policy = problem.facts.policy
    weights = {one: score.weight(policy, method, one) for one in score.resources(policy, method) if any(problem.sizes[one])}
    return [Variance(board, one, weights[one] ** 2) for one in sorted(weights, key=lambda one: -weights[one])]
