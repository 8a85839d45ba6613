"""Beam search for the most level cluster: from each of the best positions, the best next moves and swaps; exact for a single move."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop

from prs.model import Resource
from prs.planner.objective.objectives import Variance
from prs.planner.problem.board import Board
from prs.planner.search.changes import Change, Option, ordered, possible

Curve = tuple[float, float, list[float]]  # of one aim: the change is (first * size + second) * size; and the sizes of the units
ENDS = 8  # so many of the fullest and of the emptiest nodes are looked at for moves: those between them change the variance little
NONE = float("inf")
SWAP_ENDS = 3  # and so many for swaps, of which there are as many as pairs of units
CHILDREN = 20  # positions followed up from each one: with more the next ones are near copies


@dataclass(frozen=True, slots=True)
class Position:
    """Units that have moved and the value that it gives."""

    value: float
    goal: tuple[Change, ...]  # in an order in which all of them fit


class Level:
    """The positions with one number of guests moved, of which the `width` best are gone on from."""

    def __init__(self, width: int) -> None:
        self.width, self.met, self.values = width, dict[tuple[Change, ...], Position](), list[float]()

    @property
    def worst(self) -> float:
        """The value beyond which a position is not gone on from."""
        return self.values[self.width - 1] if len(self.values) >= self.width else NONE

    def add(self, position: Position) -> None:
        """Take the position in; one that is there already, in whatever order, stays."""
        key = tuple(sorted(position.goal))
        if key not in self.met:
            self.met[key] = position
            insort(self.values, position.value)

    def best(self) -> list[Position]:
        """Those to go on from, the best first."""
        return sorted(self.met.values(), key=lambda one: (one.value, one.goal))[: self.width]


@dataclass(slots=True)
class Beam:
    """The search over one board. `moves` and `size` bound the guests and bytes that move, `width` the positions kept of each length."""

    board: Board
    aims: Sequence[Variance]
    moves: int
    size: float
    width: int
    around: int = 3  # units looked at on either side of the ideal size
    guards: Mapping[Resource, float] = field(default_factory=dict)  # the widest spread of each other resource
    on: list[list[tuple[float, int]]] = field(default_factory=list)
    guest_counts: list[int] = field(default_factory=list)
    weight: list[int] = field(default_factory=list)

    def run(self) -> Position:
        """The best position met."""
        self.on = [[] for _ in self.board.problem.names]
        self.guest_counts, self.weight = [len(unit.guests) for unit in self.board.units], [unit.bytes for unit in self.board.units]
        for unit, place in enumerate(self.board.where):
            self.on[place].append((self.aims[0].sizes[unit], unit))
        for row in self.on:
            row.sort()
        best = Position(sum(aim.worth for aim in self.aims), ())
        levels = {0: Level(self.width)}
        levels[0].add(best)
        for count in range(self.moves):
            level = levels.pop(count, None)
            for position in level.best() if level else ():
                for after in self._expand(position, levels):
                    if (after.value, after.goal) < (best.value, best.goal):
                        best = after
            if not levels:
                break
        return best

    def _expand(self, position: Position, levels: dict[int, Level]) -> list[Position]:
        """The best positions one move or swap further, put where they belong; none that are behind as many as are kept anyway."""
        for unit, place in position.goal:
            self.board.move(unit, place)
        for aim in self.aims:
            aim.center()
        gone = {unit for unit, _ in position.goal}
        bytes_left = self.size - sum([self.weight[unit] for unit in gone])
        count = sum([self.guest_counts[unit] for unit in gone])
        now = sum(aim.worth for aim in self.aims)
        options, found = self._options(gone), list[Position]()
        heapify(options)
        most = CHILDREN if gone else self.width
        while options and most:
            change, changes = heappop(options)
            guests, size = sum([self.guest_counts[unit] for unit, _ in changes]), sum([self.weight[unit] for unit, _ in changes])
            if count + guests > self.moves or size > bytes_left:
                continue
            level = levels.setdefault(count + guests, Level(self.width))
            if now + change > level.worst:
                most -= 1
            elif possible(self.board, changes, self.guards):
                most -= 1
                found.append(Position(now + change, (*position.goal, *ordered(self.board, changes))))
                level.add(found[-1])
        for unit, _ in position.goal:
            self.board.move(unit, self.board.units[unit].home)
        return found

    def _options(self, gone: set[int]) -> list[Option]:
        """Moves and swaps between the fullest and the emptiest nodes, each with the change of the value that it brings."""
        lead, options = self.aims[0], list[Option]()
        ranked = sorted(lead.nodes, key=lambda node: (lead.load[node] * lead.share[node], node))
        ends = ENDS if gone else len(ranked)
        for number, source in enumerate(reversed(ranked[-ends:])):
            for place, target in enumerate(ranked[:ends]):
                if source != target:
                    curves = [(*aim.curve(source, target), aim.sizes) for aim in self.aims]
                    self._singles(options, source, target, curves, gone)
                    if max(number, place) < SWAP_ENDS:
                        self._pairs(options, source, target, curves, gone)
        return options

    def _singles(self, options: list[Option], source: int, target: int, curves: Sequence[Curve], gone: set[int]) -> None:
        """Add the moves of units of about the best size."""
        for unit in self._near(source, self.aims[0].ideal_size(source, target), gone, self.around):
            change = 0.0
            for bend, slope, sizes in curves:
                change += (bend * sizes[unit] + slope) * sizes[unit]
            options.append((change, ((unit, target),)))

    def _pairs(self, options: list[Option], source: int, target: int, curves: Sequence[Curve], gone: set[int]) -> None:
        """Add the swaps of two units whose difference is about the best size."""
        ideal = self.aims[0].ideal_size(source, target)
        row, others = self.on[source], self.on[target]
        for size, unit in row[bisect_left(row, (ideal, -1)):]:
            if unit in gone:
                continue
            place = bisect_left(others, (size - ideal, 0))
            for _, other in others[place - 1 if place else 0: place + 1]:
                if other in gone:
                    continue
                change = 0.0
                for bend, slope, sizes in curves:
                    less = sizes[unit] - sizes[other]
                    change += (bend * less + slope) * less
                options.append((change, ((other, source), (unit, target))))

    def _near(self, node: int, size: float, gone: set[int], around: int) -> list[int]:
        """Units at home on the node whose size is next to the given one."""
        row = self.on[node]
        place = bisect_left(row, (size, 0))
        return [unit for _, unit in row[max(0, place - around): place + around] if unit not in gone]
