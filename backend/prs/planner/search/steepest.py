"""A steepest descent to the most level cluster: of all moves, and all swaps with the fullest or the emptiest node, always the best one.

It sees every node and every size, where the beam sees the ends and the sizes next to the best one: with nodes of many sizes and guests
that may not go everywhere, it may pass the beam.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from types import MappingProxyType

from prs.model import Resource
from prs.planner.objective.objectives import Variance
from prs.planner.problem.board import Board
from prs.planner.search.changes import Change, Option, ordered, possible

ENDS = 5  # of the nodes with the least and the most pull, those that are looked at first
PASSES = 3  # times that each move is exchanged for a better one, as far as there is one
LEAST = 1e-9  # variance by which a step must lower the value: of one node among a hundred, 0.03 points

Row = list[tuple[float, int]]  # sizes and units, the smallest first


@dataclass(frozen=True, slots=True)
class Pair:
    """Two nodes, and the change of the value by what goes from one to the other: (bend * size + slope) * size for each aim."""

    bound: float  # nothing that goes from one to the other changes the value by less
    source: int
    target: int
    curves: Sequence[tuple[float, float]]
    ideal: float  # the size of the first aim that lowers it most
    others: float  # the least that the other aims can change by

    def change(self, sizes: Sequence[float]) -> float:
        """The change of the value by these sizes, one for each aim."""
        return sum([(bend * size + slope) * size for (bend, slope), size in zip(self.curves, sizes, strict=True)])

    def least(self, size: float) -> float:
        """A change that is not reached with this size of the first aim, whatever the others'."""
        bend, slope = self.curves[0]
        return (bend * size + slope) * size + self.others


@dataclass(slots=True)
class Steepest:
    """One descent on a board, which is left as it was found; each unit moves once.

    `moves` and `size` bound the guests and bytes that move; where they are used up, moves are exchanged for better ones.
    """

    board: Board
    aims: Sequence[Variance]
    moves: int
    size: float
    guards: Mapping[Resource, float] = field(default_factory=dict)  # the widest spread of each other resource
    on: list[Row] = field(default_factory=list)  # of each node, the units that have not moved
    goal: dict[int, int] = field(default_factory=dict)

    def run(self, start: Mapping[int, int] = MappingProxyType({})) -> dict[int, int]:
        """Where the units go that moved; goes on from those that `start` moves."""
        self.on = [[] for _ in self.board.problem.names]
        for unit, place in enumerate(self.board.where):
            self.on[place].append((self.aims[0].sizes[unit], unit))
        for row in self.on:
            row.sort()
        for unit, place in start.items():
            self._move(unit, place)
        self._descend()
        for _ in range(PASSES):
            if not sum([self._exchanged(unit) for unit in list(self.goal)]):
                break
            self._descend()
        for unit in self.goal:
            self.board.move(unit, self.board.units[unit].home)
        return self.goal

    def _descend(self) -> None:
        while self.moves > 0 and (changes := self._step(-LEAST)):
            for unit, place in ordered(self.board, changes):
                self._move(unit, place)

    def _move(self, unit: int, place: int) -> None:
        """Take the unit off the list of those that may move, or put it back where it is sent home."""
        item, entry = self.board.units[unit], (self.aims[0].sizes[unit], unit)
        self.board.move(unit, place)
        if place == item.home:
            insort(self.on[place], entry)
            del self.goal[unit]
        else:
            self.on[item.home].remove(entry)
            self.goal[unit] = place
        sign = 1 if place == item.home else -1
        self.moves += sign * len(item.guests)
        self.size += sign * item.bytes

    def _exchanged(self, unit: int) -> bool:
        """Whether something better was found for what one of the moves takes of the budget."""
        place, home = self.goal[unit], self.board.units[unit].home
        if not self.board.fits(unit, home):
            return False
        worth = sum([aim.worth for aim in self._centered()])
        self._move(unit, home)
        changes = self._step(worth - sum([aim.worth for aim in self._centered()]) - LEAST)
        for one, target in ordered(self.board, changes) if changes else ((unit, place),):
            self._move(one, target)
        return bool(changes)

    def _centered(self) -> Sequence[Variance]:
        for aim in self.aims:
            aim.center()
        return self.aims

    def _step(self, limit: float) -> tuple[Change, ...]:
        """The best changes of those that change the value by less than the limit, which is negative."""
        lead = self._centered()[0]
        pull = {node: lead.share[node] * (lead.use[node] - lead.middle) for node in lead.nodes}
        ranked = sorted(lead.nodes, key=pull.__getitem__)
        best = self._best((limit, ()), pull, ranked[-ENDS:], ranked[:ENDS])  # a good one is mostly among these, and rules out many others
        return self._best(best, pull, ranked, ranked)[1]

    def _best(self, best: Option, pull: Mapping[int, float], sources: Sequence[int], targets: Sequence[int]) -> Option:
        """The best option so far, or a better one between these nodes; both ranked by what a unit of load on them counts."""
        lead = self.aims[0]
        ends = {min(lead.nodes, key=lead.use.__getitem__), max(lead.nodes, key=lead.use.__getitem__)}
        for pair in sorted(self._pairs(best[0], pull, sources, targets), key=lambda pair: pair.bound):
            if pair.bound >= best[0]:
                break
            best = self._single(pair, best)
            if self.moves > 1 and (pair.source in ends or pair.target in ends):
                best = self._swap(pair, best)
        return best

    def _pairs(self, limit: float, pull: Mapping[int, float], sources: Sequence[int], targets: Sequence[int]) -> Iterator[Pair]:
        """The pairs of nodes between which something may change the value by less than the limit."""
        gap = self._gap(limit)
        for source in reversed(sources):
            for target in targets:
                if pull[source] - pull[target] <= gap:
                    break
                if source != target:
                    pair = self._pair(source, target)
                    if pair.bound < limit:
                        yield pair

    def _pair(self, source: int, target: int) -> Pair:
        (bend, slope), *others = curves = [aim.curve(source, target) for aim in self.aims]
        ideal, row = -slope / (2 * bend), self.on[source]
        most = min(ideal, row[-1][0] if row else 0.0)
        rest = -sum([slope * slope / (4 * bend) for bend, slope in others])
        return Pair((bend * most + slope) * most + rest, source, target, curves, ideal, rest)

    def _gap(self, limit: float) -> float:
        """How far the pulls of two nodes must differ at least for a change below the limit between them; with one aim only."""
        if len(self.aims) > 1:
            return -inf
        lead = self.aims[0]
        bend = 2 * min([lead.share[node] for node in lead.nodes]) ** 2 * (1 - 1 / lead.count)  # no pair's is less: see Variance.curve
        return sqrt(max(0.0, -limit / lead.price * bend * lead.count))

    def _single(self, pair: Pair, best: Option) -> Option:
        for size, unit in _nearest(self.on[pair.source], pair.ideal):
            if pair.least(size) >= best[0]:
                break
            change = pair.change([aim.sizes[unit] for aim in self.aims])
            best = self._better(best, change, ((unit, pair.target),))
        return best

    def _swap(self, pair: Pair, best: Option) -> Option:
        there = self.on[pair.target]
        for more, unit in reversed(self.on[pair.source]):
            if there and (most := more - there[0][0]) < pair.ideal and pair.least(most) >= best[0]:
                break
            for less, other in _nearest(there, more - pair.ideal):
                if pair.least(more - less) >= best[0]:
                    break
                change = pair.change([aim.sizes[unit] - aim.sizes[other] for aim in self.aims])
                best = self._better(best, change, ((other, pair.source), (unit, pair.target)))
        return best

    def _better(self, best: Option, change: float, changes: tuple[Change, ...]) -> Option:
        """The changes if they lower the value by more, are affordable and can be made; else what is the best so far."""
        if change >= best[0]:
            return best
        units = [self.board.units[unit] for unit, _ in changes]
        if sum([len(unit.guests) for unit in units]) > self.moves or sum([unit.bytes for unit in units]) > self.size:
            return best
        return (change, changes) if possible(self.board, changes, self.guards) else best


def _nearest(row: Row, size: float) -> Iterator[tuple[float, int]]:
    """What the row holds, the nearest to the size first."""
    more = bisect_left(row, (size, -1))
    less = more - 1
    while less >= 0 or more < len(row):
        if more == len(row) or (less >= 0 and size - row[less][0] <= row[more][0] - size):
            yield row[less]
            less -= 1
        else:
            yield row[more]
            more += 1
