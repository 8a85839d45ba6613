"""What a search for a plan that levels is asked for, and what it came to: the steps or why there are none, and what is proven."""

from __future__ import annotations

from dataclasses import dataclass, field

from prs.planner.objective.level import LEAST
from prs.planner.search.packing import Landed
from prs.planner.search.way import Step


@dataclass(frozen=True, slots=True)
class Target:
    """Spreads (fraction): the `aim` of a plan, what is level `enough` to do nothing, and the `least` gain that is worth a plan."""

    aim: float
    enough: float
    least: float = LEAST


@dataclass(frozen=True)
class Choice:
    """The steps; `nothing` is in words why there are none, `guard` what it costs to keep resources level that are not asked for."""

    steps: list[Step] = field(default_factory=list)
    floor: float = 0.0  # proven: no plan that levels and repairs as much costs fewer seconds; 0 = nothing is proven
    nothing: str = ""
    guard: str = ""
    landed: Landed = field(default_factory=dict)  # how disks land, where not on the first storage with room
