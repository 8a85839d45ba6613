"""How much of the rules that moves can repair a placement leaves broken: what a plan that levels must lower, or leave as it is."""

from __future__ import annotations

from collections.abc import Mapping

from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem


class Breaches:
    """How much a placement leaves broken of the rules that moves can repair: guests on wrong nodes, and rules between guests."""

    def __init__(self, problem: Problem) -> None:
        facts, names = problem.facts, problem.names
        self.problem = problem
        bound = sorted({problem.unit_of[vmid] for vmid in facts.bound if vmid in problem.unit_of})
        rows = {unit: [sum(bool(facts.forbidden(guest, name)) for guest in problem.units[unit].guests) for name in names] for unit in bound}
        self.strict = [(unit, row) for unit, row in rows.items() if any(row)]
        self.crowded = [group for group, held in enumerate(problem.occupied) if _crowded(held)]
        self.near = [group for group, held in problem.wide.items() if any(count > 1 for count in held.values())]

    def count(self, where: list[int], groups: list[dict[int, int]], areas: Mapping[int, Mapping[int, int]]) -> int:
        """The count for a placement; `groups` and `areas` are the guests of each `apart` rule by node and by failure domain."""
        found = 0
        for unit, row in self.strict:
            found += row[where[unit]]
        for group in self.crowded:
            found += _crowded(groups[group])
        for group in self.near:
            found += any(count > 1 for count in areas[group].values())
        for _, vmids in self.problem.scattered:
            found += len({self._place(vmid, where) for vmid in vmids}) > 1
        return found

    def _place(self, vmid: int, where: list[int]) -> int:
        unit = self.problem.unit_of.get(vmid)
        return where[unit] if unit is not None else self.problem.index.get(self.problem.facts.guests[vmid].node, -1)

    def on(self, board: Board) -> int:
        """The count for a board."""
        return self.count(board.where, board.occupied, board.wide)


def _crowded(held: Mapping[int, int]) -> bool:
    """True when a node holds several guests of an `apart` rule."""
    return any(count > 1 and place >= 0 for place, count in held.items())
