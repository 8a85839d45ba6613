"""Places the guests of a node to empty and the storages for their disks, all of them together: the largest first, with many tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem
from prs.planner.problem.storage_map import Landing
from prs.planner.search.way import Step

ROUNDS = 200  # tries, each after the first with more chance in the order and in the choice
WORK = 400_000  # choices looked at in all of them, about a second; large clusters have fewer tries for it
BLUR = 0.3  # by such a share of themselves sizes and gaps are blurred in the last try

HELPERS, HELPED = (0, 1, 3), 20  # other units that may make room, and tries with some of them: each looks at many units

Choice = tuple[int, Landing | None]  # a node, and how the disks land there
Landed = dict[tuple[int, int], Landing]  # how disks land, by unit and node


@dataclass(frozen=True, slots=True)
class Packed:
    """Steps that fit one after the other, and how disks land then."""

    steps: list[Step]
    landed: Landed = field(default_factory=dict)


def pack(problem: Problem, mine: Sequence[int]) -> Packed | None:
    """Steps that bring these units elsewhere while few others move, none if that goes; None where none were found, which proves nothing."""
    if not any(problem.units[unit].landings for unit in mine):
        return None
    choices = sum(len(problem.units[unit].landings_on(place)) or 1 for unit in mine for place in problem.active)
    rounds = range(max(1, min(ROUNDS, WORK // max(1, choices))))
    helped = rounds[:max(1, min(HELPED, WORK // max(1, len(problem.units) * len(problem.active))))]
    tries = ((helpers, number) for helpers in HELPERS for number in (helped if helpers else rounds))
    return next((found for helpers, number in tries if (found := Attempt(problem, mine, number, helpers).run())), None)


class Attempt:
    """One try: each unit, the largest disks first, where the least room is left beside them; `helpers` others may make room."""

    def __init__(self, problem: Problem, mine: Sequence[int], number: int, helpers: int) -> None:
        self.problem, self.mine, self.helpers = problem, mine, helpers
        self.board, self.packed = Board(problem), Packed([])
        self.chance, self.blur = Random(number), BLUR * number / ROUNDS

    def run(self) -> Packed | None:
        """The steps; None where a unit found no place."""
        units = self.problem.units
        size = {unit: (units[unit].disk * self._blurred(), units[unit].memory) for unit in self.mine}
        for unit in sorted(self.mine, key=lambda unit: (-size[unit][0], -size[unit][1], unit)):
            choice = self._choice(unit, self.problem.active) or self._after_helpers(unit)
            if choice is None:
                return None
            self._take(unit, *choice)
        return self.packed

    def _choice(self, unit: int, places: Sequence[int]) -> Choice | None:
        """The place, and the way of the disks there, that leave least."""
        choices = []
        for place in places:
            for rank, way in enumerate(self.problem.units[unit].landings_on(place) or (None,)):
                if way:
                    self.board.decided[unit, place] = way
                if self.board.fits(unit, place):
                    choices.append((_left(self.board, unit, place, way) * self._blurred(), place, rank, way))
        return (best[1], best[3]) if (best := min(choices, key=lambda choice: choice[:3], default=None)) else None

    def _after_helpers(self, unit: int) -> Choice | None:
        """A place for the unit once another one has left it, which is on its way then."""
        problem, board = self.problem, self.board
        for place in problem.active if self.helpers else ():
            for other, where in enumerate(board.where):
                if where != place or where != problem.units[other].home or other in self.mine:
                    continue
                goal = self._choice(other, [node for node in problem.active if node != place])
                if goal is None:
                    continue
                if goal[1]:
                    board.decided[other, goal[0]] = goal[1]
                board.move(other, goal[0])
                choice = self._choice(unit, (place,))
                board.move(other, place)
                if choice:
                    self.helpers -= 1
                    self._take(other, *goal)
                    return choice
        return None

    def _take(self, unit: int, place: int, way: Landing | None) -> None:
        if way:
            self.board.decided[unit, place] = self.packed.landed[unit, place] = way
        self.board.move(unit, place)
        self.packed.steps.append(Step(unit, place))

    def _blurred(self) -> float:
        return 1.0 + self.blur * (2.0 * self.chance.random() - 1.0)


def _left(board: Board, unit: int, place: int, way: Landing | None) -> float:
    """Share of the fullest of the storages, or of the node's memory where there are none, that is free with the unit on it."""
    name, item = board.problem.names[place], board.units[unit]
    needs = way.needs if way else item.needs
    if not needs:
        return 1.0 - (board.memory[place] + item.memory) / (board.problem.cap["memory"][place] or 1.0)
    return min(float(board.free.get((storage, name), 0) - size) for storage, size in needs)
