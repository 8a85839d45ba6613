"""How much of the rules that moves can repair a placement leaves broken: what a plan that levels must lower, or leave as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import comb

from prs.planner.problem.board import Board
from prs.planner.problem.problem import Problem


class Breaches:
    """How much a placement leaves broken of the rules that moves can repair: guests on wrong nodes, and pairs of guests that share one
    or a failure domain although they are to be apart, or do not although they are to be together."""

    def __init__(self, problem: Problem) -> None:
        facts, names = problem.facts, problem.names
        self.problem = problem
        bound = sorted({problem.unit_of[vmid] for vmid in facts.node_rules.bound if vmid in problem.unit_of})
        kept = {unit: [facts.node_rules.permitted(guest) for guest in problem.units[unit].guests] for unit in bound}
        rows = {unit: [sum(name not in row for row in rows) for name in names] for unit, rows in kept.items()}
        self.strict = [(unit, row) for unit, row in rows.items() if any(row)]
        self.crowded = [group for group, held in enumerate(problem.occupied) if _pairs(held)]
        self.near = [group for group, held in problem.wide.items() if any(count > 1 for count in held.values())]

    def count(self, where: list[int], groups: list[dict[int, int]], areas: Mapping[int, Mapping[int, int]]) -> int:
        """The count for a placement; `groups` and `areas` are the guests of each `apart` rule by node and by failure domain."""
        found = 0
        for unit, row in self.strict:
            found += row[where[unit]]
        for group in self.crowded:
            found += _pairs(groups[group])
        for group in self.near:
            found += sum(comb(count, 2) for count in areas[group].values())
        for _, vmids in self.problem.scattered:
            found += comb(len(vmids), 2) - _pairs(Counter(self._place(vmid, where) for vmid in vmids))
        return found

    def _place(self, vmid: int, where: list[int]) -> int:
        unit = self.problem.unit_of.get(vmid)
        return where[unit] if unit is not None else self.problem.index.get(self.problem.facts.guests[vmid].node, -1)

    def on(self, board: Board) -> int:
        """The count for a board."""
        return self.count(board.where, board.occupied, board.wide)


def _pairs(held: Mapping[int, int]) -> int:
    """How many pairs of guests share a node."""
    return sum(comb(count, 2) for place, count in held.items() if place >= 0)
