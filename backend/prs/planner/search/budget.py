"""How much a plan may move: a number of guests and a number of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prs.planner.problem.problem import Problem
from prs.planner.search.way import Step


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be moved: number of guests and bytes; None = as much as it takes."""

    moves: int | None = None
    size: int | None = None

    def holds(self, problem: Problem, goal: Iterable[int]) -> bool:
        """True when moving these units keeps to the budget."""
        units = [problem.units[unit] for unit in goal]
        return (self.moves is None or sum(len(unit.guests) for unit in units) <= self.moves) and (
            self.size is None or sum(unit.bytes for unit in units) <= self.size)

    def allows(self, problem: Problem, steps: Sequence[Step]) -> bool:
        """True when all of these steps keep to the budget, detours included."""
        return self.holds(problem, [step.unit for step in steps])

    def within(self, problem: Problem, steps: Sequence[Step]) -> list[Step]:
        """The first steps, as many as fit in the budget, detours included."""
        kept, count, size = list[Step](), 0, 0
        for step in steps:
            unit = problem.units[step.unit]
            count, size = count + len(unit.guests), size + unit.bytes
            if (self.moves is not None and count > self.moves) or (self.size is not None and size > self.size):
                break
            kept.append(step)
        return kept

    def less(self, problem: Problem, goal: Iterable[int]) -> Budget:
        """What is left of it when these units move."""
        units = [problem.units[unit] for unit in goal]
        return Budget(None if self.moves is None else max(0, self.moves - sum(len(unit.guests) for unit in units)),
                      None if self.size is None else max(0, self.size - sum(unit.bytes for unit in units)))
