"""Beam search for the most level cluster: from each of the best positions, the best next moves and swaps; exact for a single move."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prs.model import Resource
from prs.planner import score
from prs.planner.aims import Variance
from prs.planner.limits import Board

Change = tuple[int, int]  # a unit and the node it goes to
ENDS = 8  # so many of the fullest and of the emptiest nodes are looked at for moves
SWAP_ENDS = 3  # and so many for swaps
CHILDREN = 20  # positions followed up from each one


@dataclass(frozen=True, slots=True)
class Position:
    """Units that have moved and the value that it gives."""

    value: float
    goal: tuple[Change, ...]


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

    def run(self) -> Position:
        """The best position met."""
        self.on = [[] for _ in self.board.problem.names]
        for unit, place in enumerate(self.board.where):
            self.on[place].append((self.aims[0].sizes[unit], unit))
        for row in self.on:
            row.sort()
        best = Position(sum(aim.worth for aim in self.aims), ())
        levels: dict[int, dict[tuple[Change, ...], Position]] = {0: {(): best}}
        for count in range(self.moves):
            ranked = sorted(levels.pop(count, {}).values(), key=lambda one: (one.value, one.goal))[: self.width]
            for position in ranked:
                for after in self._expand(position):
                    guests = sum(len(self.board.units[unit].guests) for unit, _ in after.goal)
                    levels.setdefault(guests, {})[after.goal] = after
                    best = min(best, after, key=lambda one: (one.value, one.goal))
            if not levels:
                break
        return best

    def _expand(self, position: Position) -> list[Position]:
        """The best positions one move or swap further."""
        for unit, place in position.goal:
            self.board.move(unit, place)
        for aim in self.aims:
            aim.center()
        gone = {unit for unit, _ in position.goal}
        bytes_left = self.size - sum(self.board.units[unit].bytes for unit in gone)
        guests_left = self.moves - sum(len(self.board.units[unit].guests) for unit in gone)
        now = sum(aim.worth for aim in self.aims)
        options = sorted((now + change, changes) for change, changes in self._options(gone))
        found = list[Position]()
        for value, changes in options:
            units = [self.board.units[unit] for unit, _ in changes]
            if sum(len(unit.guests) for unit in units) > guests_left or sum(unit.bytes for unit in units) > bytes_left:
                continue
            if self._possible(changes):
                found.append(Position(value, tuple(sorted((*position.goal, *changes)))))
                if len(found) >= (CHILDREN if gone else self.width):
                    break
        for unit, _ in position.goal:
            self.board.move(unit, self.board.units[unit].home)
        return found

    def _options(self, gone: set[int]) -> Iterator[tuple[float, tuple[Change, ...]]]:
        """Moves and swaps between the fullest and the emptiest nodes, with the change of the value that each brings."""
        lead = self.aims[0]
        ranked = sorted(lead.nodes, key=lambda node: (lead.load[node] * lead.share[node], node))
        ends = ENDS if gone else len(ranked)
        for source in ranked[-ends:]:
            for target in ranked[:ends]:
                if source == target:
                    continue
                wish = lead.wish(source, target)
                for unit in self._near(source, wish, gone, self.around):
                    yield self._change(unit, -1, source, target), ((unit, target),)
        for source in ranked[-SWAP_ENDS:]:
            for target in ranked[:SWAP_ENDS]:
                if source == target:
                    continue
                wish = lead.wish(source, target)
                for size, unit in self.on[source]:
                    if unit in gone or size < wish:
                        continue
                    for other in self._near(target, size - wish, gone, 1):
                        yield self._change(unit, other, source, target), ((other, source), (unit, target))

    def _change(self, unit: int, other: int, source: int, target: int) -> float:
        """The change of the value if the unit went to the target, and the other (-1: none) came back for it."""
        change = 0.0
        for aim in self.aims:
            change += aim.change(aim.sizes[unit] - (aim.sizes[other] if other >= 0 else 0.0), source, target)
        return change

    def _near(self, node: int, size: float, gone: set[int], around: int) -> Iterator[int]:
        """Units at home on the node whose size is next to the given one."""
        row = self.on[node]
        place = bisect_left(row, (size, 0))
        for _, unit in row[max(0, place - around): place + around]:
            if unit not in gone:
                yield unit

    def _possible(self, changes: tuple[Change, ...]) -> bool:
        """True when the changes fit, in this order or the other, and make no other resource worse than allowed."""
        if len(changes) == 1:
            return self.board.fits(*changes[0]) and self._harmless(changes)
        (one, _), (two, _) = changes
        return self.board.swaps(one, two) and self._harmless(changes)

    def _harmless(self, changes: tuple[Change, ...]) -> bool:
        if not self.guards:
            return True
        homes = [(unit, self.board.where[unit]) for unit, _ in changes]
        for unit, place in changes:
            self.board.move(unit, place)
        worse = score.worsened(self.board.problem, self.board.load, self.guards)
        for unit, place in homes:
            self.board.move(unit, place)
        return not worse
