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

Landed = dict[tuple[int, int], Landing]  # how disks land, by unit and node


@dataclass(frozen=True, slots=True)
class Packed:
    """Steps that fit one after the other, and how disks land then."""

    steps: list[Step]
    landed: Landed = field(default_factory=dict)


def pack(problem: Problem, mine: Sequence[int]) -> Packed | None:
    """Steps that bring these units elsewhere while no other one moves; None where none were found, which proves nothing."""
    if not any(problem.units[unit].landings for unit in mine):
        return None
    choices = sum(len(problem.units[unit].landings_on(place)) or 1 for unit in mine for place in problem.active)
    rounds = range(max(1, min(ROUNDS, WORK // max(1, choices))))
    return next((found for number in rounds if (found := _attempt(problem, mine, number))), None)


def _attempt(problem: Problem, mine: Sequence[int], number: int) -> Packed | None:
    """One try: each unit, the largest disks first, where the least room is left beside them."""
    chance, blur = Random(number), BLUR * number / ROUNDS
    board, packed = Board(problem), Packed([])
    size = {unit: (problem.units[unit].disk * _blurred(chance, blur), problem.units[unit].memory) for unit in mine}
    for unit in sorted(mine, key=lambda unit: (-size[unit][0], -size[unit][1], unit)):
        choices = []
        for place in problem.active:
            ways = problem.units[unit].landings_on(place)
            for rank, way in enumerate(ways or (None,)):
                if way:
                    board.decided[unit, place] = way
                if board.fits(unit, place):
                    choices.append((_left(board, unit, place, way) * _blurred(chance, blur), place, rank, way))
        if not choices:
            return None
        _, place, _, way = min(choices, key=lambda choice: choice[:3])
        if way:
            board.decided[unit, place] = packed.landed[unit, place] = way
        board.move(unit, place)
        packed.steps.append(Step(unit, place))
    return packed


def _blurred(chance: Random, blur: float) -> float:
    return 1.0 + blur * (2.0 * chance.random() - 1.0)


def _left(board: Board, unit: int, place: int, way: Landing | None) -> float:
    """Share of the fullest of the storages, or of the node's memory where there are none, that is free with the unit on it."""
    name, item = board.problem.names[place], board.units[unit]
    needs = way.needs if way else item.needs
    if not needs:
        return 1.0 - (board.memory[place] + item.memory) / (board.problem.cap["memory"][place] or 1.0)
    return min(float(board.free.get((storage, name), 0) - size) for storage, size in needs)
